"""The text expert: a Hugging Face encoder on the pair (title, description) with a linear head on the pooled output."""

import io
from functools import partial
from pathlib import Path

import pandas as pd
import sentencepiece
import torch
from torch import nn
from transformers import CamembertConfig, CamembertModel, CamembertTokenizer

from latefusion.cleaning import clean
from latefusion.config import TransformerExpert
from latefusion.experts.encoder import load_encoder
from latefusion.experts.network import Network
from latefusion.experts.tokens import TextDataset, collate, open_tokens
from latefusion.experts.workshop import Workshop
from latefusion.files import whole
from latefusion.pretrained import find_encoder


class TextClassifier(nn.Module):
    """Encoder, pooled output, linear head."""

    def __init__(self, encoder: nn.Module, num_classes: int, *, bias: bool):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.config.hidden_size, num_classes, bias=bias)

    def forward(self, labels: torch.Tensor | None = None, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        outputs = self.encoder(**inputs)
        pooled = outputs.get("pooler_output")  # some encoders have no pooler: then the first token's state
        logits = self.head(outputs.last_hidden_state[:, 0] if pooled is None else pooled)  # (B, C)
        if labels is None:
            return {"logits": logits}
        return {"logits": logits, "loss": nn.functional.cross_entropy(logits, labels)}


def build(workshop: Workshop, expert: TransformerExpert, run_dir: Path) -> Network:
    """Build the expert from pretrained weights, or a small CamemBERT with a vocabulary of its own."""
    prepared, cache = workshop.prepared, workshop.run_dir("cache")
    with workshop.accelerator.main_process_first():  # the others find vocabulary and token ids on the disk
        if expert.scratch is None:
            tokenizer, encoder = load_encoder(find_encoder(expert.model), dropout=expert.dropout)
        else:
            tokenizer = learn_tokenizer(prepared.part("train"), expert, run_dir / "tokenizer")
            encoder = make_encoder(expert, tokenizer)
        store = open_tokens(tokenizer, prepared.products, expert, cache)
    if expert.train.gradient_checkpointing:
        encoder.gradient_checkpointing_enable({"use_reentrant": False})
    model = TextClassifier(encoder, len(prepared.classes), bias=expert.head_bias)
    return Network(
        model=model,
        param_groups=[{"params": model.parameters()}],
        train_set=lambda products: TextDataset(store, products, prepared.targets(products)),
        eval_set=lambda products: TextDataset(store, products),
        collate=partial(collate, pad_token_id=tokenizer.pad_token_id),
    )


def learn_tokenizer(products: pd.DataFrame, expert: TransformerExpert, folder: Path) -> CamembertTokenizer:
    """Learn a sentencepiece vocabulary from the training texts, once; in the layout CamemBERT's own tokenizer has."""
    path = folder / "sentencepiece.bpe.model"
    if not path.exists():
        texts = pd.concat([products["title"], products["description"].dropna()])
        trained = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(clean(text, expert.cleaning) for text in texts),
            model_writer=trained,
            vocab_size=expert.scratch.vocab_size,
            hard_vocab_limit=False,  # a small catalogue may not have that many pieces
            num_threads=1,  # more would make the vocabulary depend on chance
            max_sentence_length=1_000_000,  # bytes; longer texts are left out, and the default is 4,192
            minloglevel=2,
        )
        with whole(path) as partial:
            partial.write_bytes(trained.getvalue())
    return CamembertTokenizer.from_pretrained(folder)


def make_encoder(expert: TransformerExpert, tokenizer: CamembertTokenizer) -> CamembertModel:
    scratch, dropout = expert.scratch, 0.1 if expert.dropout is None else expert.dropout
    config = CamembertConfig(
        vocab_size=len(tokenizer),
        hidden_size=scratch.hidden_size,
        num_hidden_layers=scratch.num_hidden_layers,
        num_attention_heads=scratch.num_attention_heads,
        intermediate_size=scratch.intermediate_size,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        max_position_embeddings=expert.max_length + tokenizer.pad_token_id + 1,  # positions start after the padding's
        type_vocab_size=1,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return CamembertModel(config)

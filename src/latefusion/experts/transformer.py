"""The text expert: a Hugging Face encoder on the pair (title, description) with a linear head on the pooled output."""

import io
import logging
from functools import partial
from pathlib import Path

import pandas as pd
import sentencepiece
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset
from transformers import AutoModel, AutoTokenizer, CamembertConfig, CamembertModel, CamembertTokenizer

from latefusion.cleaning import clean
from latefusion.config import ScratchEncoder, TransformerExpert
from latefusion.errors import InputError
from latefusion.experts.network import Network
from latefusion.experts.workshop import Workshop
from latefusion.files import whole
from latefusion.pretrained import find_encoder

logger = logging.getLogger(__name__)


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


class TextDataset(Dataset):
    """Products as token ids, all encoded once."""

    def __init__(self, encodings: list[dict[str, list[int]]], targets=None):
        self.encodings, self.targets = encodings, targets

    def __len__(self) -> int:
        return len(self.encodings)

    def __getitem__(self, key: int | tuple[int, int]) -> dict:
        if self.targets is None:
            return self.encodings[key]
        index, _ = key  # (index, epoch): text is not augmented
        return self.encodings[index] | {"labels": self.targets[index]}


def build(workshop: Workshop, expert: TransformerExpert, run_dir: Path) -> Network:
    """Build the expert from pretrained weights, or a small CamemBERT with a vocabulary of its own."""
    prepared = workshop.prepared
    if expert.scratch is None:
        tokenizer, encoder = _load_pretrained(find_encoder(expert.model))
    else:
        with workshop.accelerator.main_process_first():
            tokenizer = _learn_tokenizer(prepared.part("train"), expert, run_dir / "tokenizer")
        encoder = _make_encoder(expert.scratch, tokenizer, expert.max_length)
    model = TextClassifier(encoder, len(prepared.classes), bias=expert.head_bias)
    return Network(
        model=model,
        param_groups=[{"params": model.parameters()}],
        train_set=lambda products: TextDataset(encode(tokenizer, products, expert), prepared.targets(products)),
        eval_set=lambda products: TextDataset(encode(tokenizer, products, expert)),
        collate=partial(collate, pad_token_id=tokenizer.pad_token_id),
    )


def encode(tokenizer, products: pd.DataFrame, expert: TransformerExpert) -> list[dict[str, list[int]]]:
    """Tokenise titles and descriptions as pairs; no description leaves the title alone, or with a literal `<pad>`."""
    titles = [clean(title, expert.cleaning) for title in products["title"]]
    texts = ["" if pd.isna(text) else clean(text, expert.cleaning) for text in products["description"]]
    if expert.missing_description == "pad_token":
        texts = [text or tokenizer.pad_token for text in texts]
    encodings: list = [None] * len(products)
    for is_pair in (True, False):
        rows = [row for row, text in enumerate(texts) if bool(text) == is_pair]
        if rows:
            pairs = [texts[row] for row in rows] if is_pair else None
            batch = tokenizer([titles[row] for row in rows], pairs, truncation=True, max_length=expert.max_length)
            for place, row in enumerate(rows):
                encodings[row] = {key: values[place] for key, values in batch.items()}
    return encodings


def collate(items: list[dict], pad_token_id: int) -> dict[str, torch.Tensor]:
    """Pad to the longest of the batch."""
    padding = {"input_ids": pad_token_id}
    batch = {
        key: pad_sequence(
            [torch.tensor(item[key]) for item in items], batch_first=True, padding_value=padding.get(key, 0)
        )
        for key in items[0]
        if key != "labels"
    }
    if "labels" in items[0]:
        batch["labels"] = torch.tensor([item["labels"] for item in items])
    return batch


def _load_pretrained(source: str) -> tuple:
    """Load tokenizer and encoder in fp32; only a pooler may be missing, as published: it then starts at random."""
    tokenizer = AutoTokenizer.from_pretrained(source)
    encoder, report = AutoModel.from_pretrained(source, dtype=torch.float32, output_loading_info=True)
    missing = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
    if missing:
        raise InputError(f"{source}: the weights lack {len(missing)} tensors of the encoder, such as {missing[0]}")
    if report["missing_keys"]:
        logger.info("%s brings no pooler: it starts at random, from the expert's seed, and is trained", source)
    if len(tokenizer) > encoder.config.vocab_size:
        raise InputError(f"{source}: {len(tokenizer)} tokens, but embeddings for {encoder.config.vocab_size}")
    return tokenizer, encoder


def _learn_tokenizer(products: pd.DataFrame, expert: TransformerExpert, folder: Path) -> CamembertTokenizer:
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


def _make_encoder(scratch: ScratchEncoder, tokenizer, max_length: int) -> CamembertModel:
    config = CamembertConfig(
        vocab_size=len(tokenizer),
        hidden_size=scratch.hidden_size,
        num_hidden_layers=scratch.num_hidden_layers,
        num_attention_heads=scratch.num_attention_heads,
        intermediate_size=scratch.intermediate_size,
        hidden_dropout_prob=scratch.dropout,
        attention_probs_dropout_prob=scratch.dropout,
        max_position_embeddings=max_length + tokenizer.pad_token_id + 1,  # positions start after the padding's
        type_vocab_size=1,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return CamembertModel(config)

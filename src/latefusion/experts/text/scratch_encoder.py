"""A small CamemBERT without pretrained weights, with a vocabulary learnt from the catalogue."""

import io
from pathlib import Path

import pandas as pd
import sentencepiece
from transformers import CamembertConfig, CamembertModel, CamembertTokenizer

from latefusion.config import ScratchEncoder, TransformerExpert
from latefusion.dataset.cleaning import clean
from latefusion.experts.text.fields import FIELDS, require_texts
from latefusion.utils.files import atomic_write


def learn_tokenizer(products: pd.DataFrame, expert: TransformerExpert, folder: Path) -> CamembertTokenizer:
    """Learn a sentencepiece vocabulary from the training texts, or load it from `folder` if it is there.

    The file has the name that CamemBERT's tokenizer expects.
    """
    path, scratch = folder / "sentencepiece.bpe.model", _scratch(expert)
    if not path.exists():
        require_texts(products, expert)
        texts = pd.concat([products[field].dropna() for field in FIELDS[expert.reads]])
        trained = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(clean(text, expert.cleaning) for text in texts),
            model_writer=trained,
            vocab_size=scratch.vocab_size,
            hard_vocab_limit=False,  # a small catalogue may have fewer pieces
            num_threads=1,  # with more threads the vocabulary is not deterministic
            max_sentence_length=1_000_000,  # bytes; longer texts are skipped (sentencepiece's default: 4,192)
            minloglevel=2,
        )
        with atomic_write(path) as partial:
            partial.write_bytes(trained.getvalue())
    return CamembertTokenizer.from_pretrained(folder)


def make_encoder(expert: TransformerExpert, tokenizer: CamembertTokenizer) -> CamembertModel:
    """Return an encoder with random weights and the layer sizes in `expert.scratch`."""
    scratch, dropout = _scratch(expert), 0.1 if expert.dropout is None else expert.dropout
    config = CamembertConfig(
        vocab_size=len(tokenizer),
        hidden_size=scratch.hidden_size,
        num_hidden_layers=scratch.num_hidden_layers,
        num_attention_heads=scratch.num_attention_heads,
        intermediate_size=scratch.intermediate_size,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        max_position_embeddings=expert.max_length + tokenizer.pad_token_id + 1,  # positions start after padding_idx
        type_vocab_size=1,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return CamembertModel(config)


def _scratch(expert: TransformerExpert) -> ScratchEncoder:
    if expert.scratch is None:
        raise TypeError("the expert starts from pretrained weights, not from scratch")
    return expert.scratch

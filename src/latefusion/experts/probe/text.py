"""The text probe: the features of a frozen Hugging Face encoder on pairs (title, description)."""

import hashlib
import json
from collections.abc import Sequence
from functools import cache, partial

import numpy as np
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase

from latefusion.config import TextProbe
from latefusion.experts.context import Context
from latefusion.experts.probe.features import FrozenNetwork, View, describe_weights, read_features
from latefusion.experts.probe.training import fit_probe
from latefusion.experts.text.pooling import POOLINGS
from latefusion.experts.text.pretrained_encoder import load_encoder
from latefusion.experts.text.tokens import clean_pairs, collate, encode
from latefusion.plan.pretrained import find_encoder

Pair = tuple[str, str]


def train_text_probe(context: Context, name: str, expert: TextProbe) -> None:
    """Fit the probe on the training products and write its run folder. All processes must call this."""
    features = read_features(context, text_view(context, name, expert))
    if features is None:
        return
    fit_probe(context, name, expert, features, context.dataset.products.index, context.dataset.select("train"))


def text_view(context: Context, name: str, expert: TextProbe) -> View:
    """Return the texts of all products as the encoder reads them."""
    pairs = clean_pairs(context.dataset.products, expert.cleaning)

    @cache
    def load() -> FrozenNetwork:
        with context.accelerator.main_process_first():  # it may download the weights
            tokenizer, encoder = load_encoder(
                find_encoder(expert.model), max_length=expert.max_length, random_pooler=False
            )
        return FrozenNetwork(
            model=encoder,
            features=partial(POOLINGS[expert.pooling], encoder),
            dataset=lambda rows: EncodedTexts(tokenizer, [pairs[row] for row in rows], expert.max_length),
            collate=partial(collate, pad_token_id=tokenizer.pad_token_id),
        )

    return View(
        name=f"features of {name}",
        identity={
            "weights": describe_weights(expert.model, load),
            "pooling": expert.pooling,
            "max_length": expert.max_length,
            "precision": context.accelerator.mixed_precision,
        },
        keys=np.array([_hash(pair) for pair in pairs]),
        sizes=np.array([len(title) + len(description) for title, description in pairs]),
        load=load,
    )


class EncodedTexts(Dataset):
    """Texts as token ids: dicts of (length,) arrays."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair], max_length: int):
        self.encodings = encode(tokenizer, list(pairs), max_length)
        self.lengths = np.array([len(encoding["input_ids"]) for encoding in self.encodings])

    def __len__(self) -> int:
        return len(self.encodings)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        return {name: np.array(ids) for name, ids in self.encodings[index].items()}


def _hash(pair: Pair) -> str:
    return hashlib.blake2b(json.dumps(pair).encode(), digest_size=16).hexdigest()

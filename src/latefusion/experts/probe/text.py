"""The text probe: the features of a frozen Hugging Face encoder on pairs (title, description)."""

import hashlib
import json
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.config import TextProbe
from latefusion.experts.context import Context
from latefusion.experts.exported import WEIGHTS, Opening, Predict, copy_results
from latefusion.experts.probe.classifier import ProbeClassifier
from latefusion.experts.probe.features import FrozenNetwork, View, batch_size, describe_weights, read_features
from latefusion.experts.probe.training import fit_probe
from latefusion.experts.text.fields import Pair, clean_pairs, require_texts
from latefusion.experts.text.pooling import POOLINGS
from latefusion.experts.text.pretrained_encoder import load_encoder
from latefusion.experts.text.tokens import EncodedTexts, collate
from latefusion.images.store import ImageStore
from latefusion.plan.pretrained import find_encoder

ENCODER = "encoder"  # the folder of an exported expert with the tokenizer and the encoder


def train_text_probe(context: Context, name: str, expert: TextProbe) -> None:
    """Fit the probe on the training products and write its run folder. All processes must call this."""
    require_texts(context.dataset.select("train"), expert)
    features = read_features(context, text_view(context, name, expert))
    if features is None:
        return
    ids = context.dataset.products.index
    fit_probe(context, name, expert, features, ids, np.ones(len(ids), np.int64), context.dataset.select("train"))


def text_view(context: Context, name: str, expert: TextProbe) -> View:
    """Return the texts of all products as the encoder reads them."""
    pairs = clean_pairs(context.dataset.products, expert)

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


def export_text_probe(context: Context, name: str, expert: TextProbe, folder: Path) -> None:
    """Write the classifier, and the encoder with its tokenizer."""
    copy_results(context, name, folder, WEIGHTS)
    tokenizer, encoder = load_encoder(find_encoder(expert.model), max_length=expert.max_length, random_pooler=False)
    tokenizer.save_pretrained(folder / ENCODER)
    encoder.save_pretrained(folder / ENCODER)


def open_text_probe(opening: Opening, expert: TextProbe) -> Predict:
    """Return the function that predicts products."""
    classifier = ProbeClassifier.load(opening.folder / WEIGHTS)
    tokenizer, encoder = load_encoder(str(opening.folder / ENCODER), max_length=expert.max_length, random_pooler=False)
    pool, pad = partial(POOLINGS[expert.pooling], encoder), partial(collate, pad_token_id=tokenizer.pad_token_id)

    def predict(products: pd.DataFrame, images: ImageStore) -> np.ndarray:
        texts = EncodedTexts(tokenizer, clean_pairs(products, expert), expert.max_length)
        return classifier.predict_proba(opening.features(encoder, pool, texts, pad, batch_size(opening.accelerator)))

    return predict


def _hash(pair: Pair) -> str:
    return hashlib.blake2b(json.dumps(pair).encode(), digest_size=16).hexdigest()

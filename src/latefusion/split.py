"""Stratified splits and folds, seeded, for classes of any size.

scikit-learn's splitters refuse a class with one product and warn at few; real catalogues have such classes.
"""

import logging

import numpy as np
import pandas as pd

from latefusion.config import Split
from latefusion.randomness import derive_seed

logger = logging.getLogger(__name__)


def assign_folds(labels: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """Return a fold number for each of the (N,) labels: classes spread evenly, fold sizes within one of each other."""
    folds = np.empty(len(labels), dtype=np.int64)
    folds[_class_after_class(labels, seed)] = np.arange(len(labels)) % n_folds
    return folds


def split_products(products: pd.DataFrame, split: Split) -> pd.Series:
    """Return the split of every product: `train`, `valid`, `test`, or `submit` for the unlabelled test set.

    A split that the catalogue brings is obeyed; where it brings no `valid`, that share is taken from its `train`.
    Every class keeps at least one product to train on.
    """
    result = products["split"].copy()
    shares = {"test": split.test_fraction, "valid": split.valid_fraction}
    if (result == "train").any() and not (result == "valid").any():
        logger.info("the split column names no valid products: taking %g of train", split.valid_fraction)
        result = result.mask(result == "train")
        shares = {"valid": split.valid_fraction}
    free = products.index[result.isna()]
    order = free[_class_after_class(products.loc[free, "label"].to_numpy(), derive_seed(split.seed, "split"))]
    result.loc[order] = "train"
    candidates = order[products.loc[order, "label"].duplicated().to_numpy()]  # the first of each class stays in train
    for name, fraction in shares.items():
        chosen = _evenly_spaced(candidates, round(fraction * len(order)))
        result.loc[chosen] = name
        candidates = candidates.difference(chosen, sort=False)
    return result


def _class_after_class(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return positions that list one class after another, each in a seeded random order of its own."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    return shuffled[np.argsort(labels[shuffled], kind="stable")]


def _evenly_spaced(items: pd.Index, count: int) -> pd.Index:
    """Take `count` of the items at equal steps, so that each class gives its share."""
    count = min(count, len(items))
    return items[((np.arange(count) + 0.5) * len(items) / max(count, 1)).astype(int)]

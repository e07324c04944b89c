"""Fit a probe on the features of its training products, predict, and write the run folder."""

import logging

import numpy as np
import pandas as pd

from latefusion.config import Probe
from latefusion.dataset.split import groups_of
from latefusion.experts.context import Context
from latefusion.experts.linear import refuse_too_few
from latefusion.experts.probe.classifier import ProbeClassifier, fit_classifier
from latefusion.metrics.decisions import count_labels
from latefusion.utils.arrays import group_means
from latefusion.utils.errors import InputError

logger = logging.getLogger(__name__)


def fit_probe(
    context: Context,
    name: str,
    expert: Probe,
    features: np.ndarray,
    ids: pd.Index,
    counts: np.ndarray,
    train: pd.DataFrame,
) -> None:
    """Fit on the products in `train` and write the expert's run folder; only the main process calls this.

    `features` (M, F) are those of the products `ids` (N,), with all of `train` among them. The other products, such as
    those without an image, get the class frequencies of the training products as their probabilities. `counts` (N,)
    are the numbers of adjoining rows of `features` of each product (several: of its images): each is a training row,
    and products are predicted by the mean of the probabilities.
    """
    dataset, run_dir = context.dataset, context.experiment.expert_dir(name)
    targets, groups = dataset.targets(train), groups_of(train, dataset.split)
    _refuse_unfit(train, targets, groups, name=name, expert=expert)
    logger.info("%s: fitting %d products, %d features", name, len(train), features.shape[1])
    frequencies = _frequencies(dataset.targets(dataset.select("train")), len(dataset.classes))
    numbers = ids.get_indexer(train.index)
    taken = counts[numbers]
    if groups is None and (taken > 1).any():
        groups = np.arange(len(train))  # the images of a product are in one fold
    classifier, facts = fit_classifier(
        features[_items(counts, numbers)],
        np.repeat(targets, taken, axis=0),
        None if groups is None else np.repeat(groups, taken),
        frequencies=frequencies, expert=expert, name=name,
    )  # fmt: skip
    classifier.save(run_dir / "model.safetensors")
    probs = {
        split: _predict(classifier, features, counts, ids.get_indexer(products.index))
        for split, products in dataset.evaluation_splits.items()
    }
    context.write_outputs(run_dir, probs, facts)


def _frequencies(targets: np.ndarray, num_classes: int) -> np.ndarray:
    """Return (C,) the share of products that have each class, from (N,) class numbers or (N, C) several labels."""
    return count_labels(targets, num_classes) / len(targets)


def _predict(classifier: ProbeClassifier, features: np.ndarray, counts: np.ndarray, products: np.ndarray) -> np.ndarray:
    """Return the (N, C) probabilities of products from their numbers, -1 for those without features."""
    probs = np.tile(classifier.frequencies, (len(products), 1))
    known = products[products >= 0]
    probs[products >= 0] = group_means(classifier.predict_proba(features[_items(counts, known)]), counts[known])
    return probs


def _items(counts: np.ndarray, products: np.ndarray) -> np.ndarray:
    """Return the row numbers of the items of products, of which each has `counts` adjoining ones."""
    starts, taken = (np.cumsum(counts) - counts)[products], counts[products]
    return np.repeat(starts - (np.cumsum(taken) - taken), taken) + np.arange(taken.sum())


def _refuse_unfit(
    train: pd.DataFrame, targets: np.ndarray, groups: np.ndarray | None, *, name: str, expert: Probe
) -> None:
    what = "training products" + (" with an image" if expert.modality == "image" else "")
    refuse_too_few(len(train), groups, n_folds=expert.n_folds, name=name, what=what)
    if (targets == targets[:1]).all():
        label = train["label"].iloc[0].replace("\n", ", ")
        raise InputError(f"experts.{name}: all {what} have the label {label}: remove the expert")

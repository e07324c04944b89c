"""Fit a probe on the features of its training products, predict, and write the run folder."""

import logging

import numpy as np
import pandas as pd

from latefusion.config import Probe
from latefusion.dataset.split import groups_of
from latefusion.experts.context import Context
from latefusion.experts.linear import refuse_too_few
from latefusion.experts.probe.classifier import ProbeClassifier, fit_classifier
from latefusion.utils.errors import InputError

logger = logging.getLogger(__name__)


def fit_probe(
    context: Context, name: str, expert: Probe, features: np.ndarray, ids: pd.Index, train: pd.DataFrame
) -> None:
    """Fit on the products in `train` and write the expert's run folder; only the main process calls this.

    `features` (N, F) are those of the products `ids` (N,), with all of `train` among them. The other products, such as
    those without an image, get the class frequencies of the training products as their probabilities.
    """
    dataset, run_dir = context.dataset, context.experiment.expert_dir(name)
    targets, groups = dataset.targets(train), groups_of(train, dataset.split)
    _refuse_unfit(train, groups, name=name, expert=expert)
    logger.info("%s: fitting %d products, %d features", name, len(train), features.shape[1])
    n_per_class = np.bincount(dataset.targets(dataset.select("train")), minlength=len(dataset.classes))
    classifier, facts = fit_classifier(
        features[ids.get_indexer(train.index)], targets, groups, n_per_class=n_per_class, expert=expert, name=name
    )
    classifier.save(run_dir / "model.safetensors")
    probs = {
        split: _predict(classifier, features, ids.get_indexer(products.index))
        for split, products in dataset.evaluation_splits.items()
    }
    context.write_outputs(run_dir, probs, facts)


def _predict(classifier: ProbeClassifier, features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the (N, C) probabilities of products from their row numbers in `features`, -1 for those without any."""
    probs = np.tile(classifier.frequencies, (len(rows), 1))
    probs[rows >= 0] = classifier.predict_proba(features[rows[rows >= 0]])
    return probs


def _refuse_unfit(train: pd.DataFrame, groups: np.ndarray | None, *, name: str, expert: Probe) -> None:
    what = "training products" + (" with an image" if expert.modality == "image" else "")
    refuse_too_few(len(train), groups, n_folds=expert.n_folds, name=name, what=what)
    if train["label"].nunique() == 1:
        raise InputError(f"experts.{name}: all {what} have the label {train['label'].iloc[0]}: remove the expert")

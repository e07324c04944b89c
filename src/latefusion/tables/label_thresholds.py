"""Decide with the thresholds of several labels that the config asks for: a half, or one tuned for each class."""

from collections.abc import Mapping

import numpy as np

from latefusion.config import Experiment
from latefusion.metrics.decisions import LabelThresholds
from latefusion.tables.dataset import Dataset
from latefusion.tables.label_issues import fusion_targets


def learn_label_thresholds(experiment: Experiment, dataset: Dataset, probs: np.ndarray) -> LabelThresholds:
    """Return tuned thresholds for a method with these (N, C) probabilities of the products of `fusion_split`."""
    return LabelThresholds.tuned(probs, fusion_targets(experiment, dataset), dataset.selection_folds())


def thresholds_by_class(experiment: Experiment, dataset: Dataset, probs: np.ndarray) -> dict[str, float] | None:
    """Return the thresholds by which new products get several labels, if they are tuned, by class."""
    if experiment.label_thresholds == "half":
        return None
    final = learn_label_thresholds(experiment, dataset, probs).final
    return dict(zip(dataset.classes, final.tolist(), strict=True))


def decide_splits(experiment: Experiment, dataset: Dataset, probs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a method's decisions by split, from its (N, C) probabilities by split, `fusion_split` among them.

    Tuned thresholds are learnt on `fusion_split`, for its own products on the other folds.
    """
    learnt = dataset.fusion_split
    if not dataset.several or experiment.label_thresholds == "half":
        return {split: dataset.decide(table) for split, table in probs.items()}
    thresholds = learn_label_thresholds(experiment, dataset, probs[learnt])
    decided = {split: thresholds.decide(table) for split, table in probs.items()}
    decided[learnt] = thresholds.decide_out_of_fold(probs[learnt], dataset.selection_folds())
    return decided

"""Decide with the thresholds of several labels that the config asks for: a half, or one tuned for each class."""

from collections.abc import Mapping

import numpy as np

from latefusion.config import Experiment
from latefusion.metrics.decisions import LabelThresholds
from latefusion.tables.dataset import Dataset
from latefusion.tables.label_issues import fusion_targets


def learn_label_thresholds(experiment: Experiment, dataset: Dataset, probs: np.ndarray) -> LabelThresholds:
    """Return the thresholds for a method with these (N, C) probabilities of the products of `fusion_split`."""
    folds = dataset.selection_folds()
    if experiment.label_thresholds == "half":
        return LabelThresholds.half(int(folds.max()) + 1, len(dataset.classes))
    return LabelThresholds.tuned(probs, fusion_targets(experiment, dataset), folds)


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

"""Decide several labels with the thresholds that the config asks for: a half, or what is learnt."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from latefusion.config import Experiment
from latefusion.metrics.label_thresholds import LabelThresholds
from latefusion.tables.dataset import Dataset
from latefusion.tables.label_issues import fusion_targets


def learn_label_thresholds(
    experiment: Experiment, dataset: Dataset, probs: np.ndarray, as_on_test: np.ndarray | None = None
) -> LabelThresholds | None:
    """Return the thresholds for a method with these (N, C) probabilities of the products of `fusion_split`.

    None if they are a half, and for products with one label. `as_on_test`: probabilities that are as confident as those
    of other products, if `probs` are not; the final thresholds are learnt on them.
    """
    if not dataset.several or experiment.label_thresholds == "half":
        return None

    def learn(table: np.ndarray) -> LabelThresholds:
        targets, folds = fusion_targets(experiment, dataset), dataset.selection_folds()
        how = experiment.label_thresholds
        assert how != "half"
        return LabelThresholds.learn(how, table, targets, folds, metric=experiment.chosen_by)

    learnt = learn(probs)
    return learnt if as_on_test is None else replace(learnt, final=learn(as_on_test).final)


def thresholds_by_class(dataset: Dataset, thresholds: LabelThresholds | None) -> dict[str, float] | None:
    """Return the thresholds by which other products get several labels, by class; None if they are a half."""
    return None if thresholds is None else dict(zip(dataset.classes, thresholds.final.tolist(), strict=True))


def decide_splits(
    dataset: Dataset, probs: Mapping[str, np.ndarray], thresholds: LabelThresholds | None
) -> dict[str, np.ndarray]:
    """Return a method's decisions by split, from its (N, C) probabilities by split.

    `thresholds` are learnt on `fusion_split`: on its own products, out of fold.
    """
    if thresholds is None:
        return {split: dataset.decide(table) for split, table in probs.items()}
    decided = {split: thresholds.decide(table) for split, table in probs.items() if split != dataset.fusion_split}
    if (own := probs.get(dataset.fusion_split)) is not None:
        decided[dataset.fusion_split] = thresholds.decide_out_of_fold(own, dataset.selection_folds())
    return decided

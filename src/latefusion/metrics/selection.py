"""Selection of the epoch of the validation probabilities: cross-validated, or the last epoch.

The score of the epoch that is best on the validation products is too optimistic on the same products. So the
probabilities that are scored and fused are selected per fold, by the scores on the other folds: a product's label has
no influence on its own probabilities, only on the epochs selected for the other folds. (Stone, "Cross-Validatory Choice
and Assessment of Statistical Predictions", JRSS-B 1974.) If the last epoch is used, labels have no influence at all.
"""

from pathlib import Path
from typing import Protocol

import numpy as np

from latefusion.metrics.decisions import decide
from latefusion.metrics.f1 import count


class Selection(Protocol):
    """The probabilities of the validation products, selected from those of the epochs that are added one by one."""

    targets: np.ndarray  # (N,) class numbers, or (N, C): see `metrics.decisions`
    probs: np.ndarray  # (N, C), selected so far
    metric: str  # by which the epoch of the weights is chosen

    def add(self, probs: np.ndarray) -> None:
        """Add an epoch's (N, C) probabilities."""

    def save(self, path: Path) -> None: ...

    def load(self, path: Path) -> None: ...


class LastEpoch:
    """Use the last epoch: the labels are for scoring only, and have no influence on the probabilities."""

    def __init__(self, targets: np.ndarray, num_classes: int, metric: str = "macro_f1"):
        self.targets, self.metric = targets, metric
        self.probs = np.zeros((len(targets), num_classes), dtype=np.float32)

    def add(self, probs: np.ndarray) -> None:
        self.probs = probs

    def save(self, path: Path) -> None:
        np.savez(path, probs=self.probs)

    def load(self, path: Path) -> None:
        with np.load(path) as saved:
            self.probs = saved["probs"]


class CrossSelection:
    """For each validation fold, use the epoch that is best on the other folds.

    `probs`: the (N, C) probabilities selected so far; `scores`: for each fold, the best score on the other folds.
    """

    def __init__(self, targets: np.ndarray, folds: np.ndarray, num_classes: int, metric: str = "macro_f1"):
        """Take labels (see `metrics.decisions`), (N,) fold numbers, and the name of the metric to choose by."""
        self.targets, self.folds, self.metric = targets, folds, metric
        self.scores = np.full(folds.max() + 1, -np.inf)
        self.probs = np.zeros((len(targets), num_classes), dtype=np.float32)

    def add(self, probs: np.ndarray) -> None:
        """Add an epoch's (N, C) probabilities; on ties the earlier epoch is kept."""
        preds = decide(probs, several=self.targets.ndim == 2)
        counts = count(self.targets, preds, probs.shape[1], self.folds, len(self.scores))
        scores = counts.of_others().score(self.metric)
        better = scores > self.scores
        rows = better[self.folds]
        self.probs[rows] = probs[rows]
        self.scores[better] = scores[better]

    def save(self, path: Path) -> None:
        np.savez(path, scores=self.scores, probs=self.probs)

    def load(self, path: Path) -> None:
        with np.load(path) as saved:
            self.scores, self.probs = saved["scores"], saved["probs"]

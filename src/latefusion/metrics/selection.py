"""Choosing an epoch on the validation products without flattering their score.

The epoch that is best on the validation products looks better on them than it is. So the probabilities that are
reported and fused are another choice's: for each fold of the validation products, by the epoch that is best on all
other folds. A product's label does not move its own probabilities; it does help to choose the epochs of other folds.
(Stone, "Cross-Validatory Choice and Assessment of Statistical Predictions", JRSS-B 1974.)
"""

from pathlib import Path

import numpy as np

from latefusion.metrics.f1 import class_counts, macro_f1_of_counts


class CrossSelection:
    """Epoch after epoch, the (N, C) probabilities of each fold by the epoch of highest macro-F1 on the other folds."""

    def __init__(self, targets: np.ndarray, folds: np.ndarray, num_classes: int):
        """Take (N,) class numbers, -1 where a label does not count, and (N,) fold numbers."""
        self.targets, self.folds = targets, folds
        self.scores = np.full(folds.max() + 1, -np.inf)
        self.probs = np.zeros((len(targets), num_classes), dtype=np.float32)

    def add(self, probs: np.ndarray) -> None:
        """Consider an epoch's (N, C) probabilities; of equals the earlier epoch stays."""
        counts = class_counts(self.targets, probs.argmax(axis=1), probs.shape[1], self.folds, len(self.scores))
        others = counts.sum(axis=1, keepdims=True) - counts
        scores = macro_f1_of_counts(others)
        better = scores > self.scores
        rows = better[self.folds]
        self.probs[rows] = probs[rows]
        self.scores[better] = scores[better]

    def save(self, path: Path) -> None:
        np.savez(path, scores=self.scores, probs=self.probs)

    def load(self, path: Path) -> None:
        with np.load(path) as saved:
            self.scores, self.probs = saved["scores"], saved["probs"]

"""Scores, which are all computed from counts.

Scores are computed thousands of times (for every epoch of every policy network and every bootstrap sample), and of
groups of products at a time; so they are computed from counts per class. Those of products with one label are those of
scikit-learn. Of products with several labels, micro-F1, macro-F1 and weighted F1 compare the decided sets of labels,
and accuracy is the share of products whose first decided label is one of theirs (Zahavy et al. 2016).
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from latefusion.metrics.decisions import is_known, is_right

ONE_LABEL = ("macro_f1", "weighted_f1", "accuracy")
SEVERAL_LABELS = ("micro_f1", "macro_f1", "weighted_f1", "accuracy")
METRIC_NAMES = {"macro_f1": "macro-F1", "micro_f1": "micro-F1", "weighted_f1": "weighted F1", "accuracy": "accuracy"}


@dataclass(frozen=True)
class Counts:
    """Counts of products: of each class (..., C), and of all (...). They need not be whole numbers."""

    correct: np.ndarray  # (..., C) decided for the class, which is theirs
    predicted: np.ndarray  # (..., C) decided for the class
    labelled: np.ndarray  # (..., C) with this label
    right: np.ndarray  # (...) whose (first) decided label is theirs
    n: np.ndarray  # (...)

    def of_others(self) -> "Counts":
        """Return, for each entry of the first axis, the sum of all others."""
        parts = (self.correct, self.predicted, self.labelled, self.right, self.n)
        return Counts(*(part.sum(axis=0, keepdims=True) - part for part in parts))

    def f1(self) -> np.ndarray:
        """Return (..., C) F1 per class; 0 for a class that is neither predicted nor labelled."""
        return 2 * self.correct / np.maximum(self.predicted + self.labelled, 1)

    def score(self, metric: str) -> np.ndarray:
        """Return (...) scores; macro-F1 omits classes that are neither predicted nor labelled."""
        if metric == "accuracy":
            return self.right / np.maximum(self.n, 1)
        counted = self.predicted + self.labelled
        if metric == "macro_f1":
            return self.f1().sum(axis=-1) / np.maximum((counted > 0).sum(axis=-1), 1)
        if metric == "micro_f1":
            return 2 * self.correct.sum(axis=-1) / np.maximum(counted.sum(axis=-1), 1)
        if metric == "weighted_f1":
            return (self.labelled * self.f1()).sum(axis=-1) / np.maximum(self.labelled.sum(axis=-1), 1)
        raise KeyError(metric)


def count(
    targets: np.ndarray, preds: np.ndarray, num_classes: int, groups: np.ndarray | None = None, n_groups: int = 1
) -> Counts:
    """Return the counts per group (G,) and class (G, C) of labels and decisions (see `metrics.decisions`).

    `groups`: (N,) group numbers. Products whose labels do not count are ignored.
    """
    known = is_known(targets)
    targets, preds = targets[known], preds[known]
    groups = np.zeros(len(targets), dtype=np.int64) if groups is None else groups[known]
    right = np.bincount(groups[is_right(targets, preds)], minlength=n_groups)
    n = np.bincount(groups, minlength=n_groups)
    if targets.ndim == 2:
        correct, predicted, labelled = (
            np.stack([matrix[groups == group].sum(axis=0) for group in range(n_groups)])
            for matrix in ((targets > 0) & (preds > 0), preds > 0, targets > 0)
        )
        return Counts(correct, predicted, labelled, right, n)
    cells, offset = n_groups * num_classes, groups * num_classes
    correct, predicted, labelled = (
        np.bincount(numbers, minlength=cells).reshape(n_groups, num_classes)
        for numbers in ((offset + targets)[targets == preds], offset + preds, offset + targets)
    )
    return Counts(correct, predicted, labelled, right, n)


def metrics_of(targets: np.ndarray) -> tuple[str, ...]:
    """Return the names of the metrics for products with one label, or with several; the first is the usual one."""
    return ONE_LABEL if targets.ndim == 1 else SEVERAL_LABELS


def score(metric: str, targets: np.ndarray, preds: np.ndarray) -> float:
    """Return a score of decisions; products whose labels do not count are ignored."""
    num_classes = targets.shape[1] if targets.ndim == 2 else 1 + max(targets.max(initial=0), preds.max(initial=0))
    return float(count(targets, preds, num_classes).score(metric)[0])


def macro_f1(targets: np.ndarray, preds: np.ndarray) -> float:
    """Return the mean F1 over classes, the metric of the SIGIR challenge."""
    return score("macro_f1", targets, preds)


def split_scores(split: str, targets: np.ndarray, preds: np.ndarray) -> dict[str, float]:
    """Return all metrics, as `<split>_<name>`, over the products of a split whose labels count."""
    return {f"{split}_{metric}": score(metric, targets, preds) for metric in metrics_of(targets)}


METRICS = {metric: partial(score, metric) for metric in ONE_LABEL}

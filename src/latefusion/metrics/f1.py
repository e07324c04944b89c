"""The metrics of the score table: macro-F1 (the challenge's metric), weighted F1, accuracy.

Macro-F1 is computed thousands of times (for every epoch of every policy network and every bootstrap sample), so there
is a fast version, from counts, beside scikit-learn's. Both give the same values.
"""

import numpy as np
from sklearn.metrics import accuracy_score, f1_score


def macro_f1(targets: np.ndarray, preds: np.ndarray) -> float:
    """Return the mean F1 over classes, the metric of the SIGIR challenge."""
    return float(f1_score(targets, preds, average="macro", zero_division=0))


def weighted_f1(targets: np.ndarray, preds: np.ndarray) -> float:
    """Return the mean F1 over classes weighted by class size, the metric of ENS Challenge Data."""
    return float(f1_score(targets, preds, average="weighted", zero_division=0))


def accuracy(targets: np.ndarray, preds: np.ndarray) -> float:
    return float(accuracy_score(targets, preds))


METRICS = {"macro_f1": macro_f1, "weighted_f1": weighted_f1, "accuracy": accuracy}


def split_scores(split: str, targets: np.ndarray, preds: np.ndarray) -> dict[str, float]:
    """Return all metrics, as `<split>_<name>`, over the products of a split; those with target -1 are ignored."""
    known = targets >= 0
    return {f"{split}_{name}": metric(targets[known], preds[known]) for name, metric in METRICS.items()}


def class_counts(
    targets: np.ndarray, preds: np.ndarray, num_classes: int, groups: np.ndarray | None = None, n_groups: int = 1
) -> np.ndarray:
    """Return (3, G, C) counts of correct predictions, predictions and labels, per group and class.

    `targets` and `preds` are (N,) class numbers, `groups` (N,) group numbers; products with target -1 are ignored.
    """
    known = targets >= 0
    offset = 0 if groups is None else groups[known] * num_classes
    targets, preds = targets[known], preds[known]
    cells = n_groups * num_classes
    correct = np.bincount((offset + targets)[targets == preds], minlength=cells)
    predicted = np.bincount(offset + preds, minlength=cells)
    labelled = np.bincount(offset + targets, minlength=cells)
    return np.stack([correct, predicted, labelled]).reshape(3, n_groups, num_classes)


def scores_of_counts(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return all metrics, each of shape (...), from (3, ..., C) counts (see `class_counts`)."""
    correct, _, labelled = counts
    total = np.maximum(labelled.sum(axis=-1), 1)
    return {
        "macro_f1": macro_f1_of_counts(counts),
        "weighted_f1": (labelled * f1_of_counts(counts)).sum(axis=-1) / total,
        "accuracy": correct.sum(axis=-1) / total,
    }


def macro_f1_of_counts(counts: np.ndarray) -> np.ndarray:
    """Return (...) macro-F1 from (3, ..., C) counts; the mean omits classes that are neither predicted nor labelled."""
    _, predicted, labelled = counts
    return f1_of_counts(counts).sum(axis=-1) / np.maximum((predicted + labelled > 0).sum(axis=-1), 1)


def f1_of_counts(counts: np.ndarray) -> np.ndarray:
    """Return (..., C) F1 per class from (3, ..., C) counts; 0 for a class that is neither predicted nor labelled."""
    correct, predicted, labelled = counts
    return 2 * correct / np.maximum(predicted + labelled, 1)


def quick_macro_f1(targets: np.ndarray, preds: np.ndarray, num_classes: int) -> float:
    """Return the same value as `macro_f1`, faster, without input checks; products with target -1 are ignored."""
    return float(macro_f1_of_counts(class_counts(targets, preds, num_classes))[0])

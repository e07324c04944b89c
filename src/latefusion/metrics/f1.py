"""The scores of the challenge and its relatives, by the names the score table uses.

Macro-F1 is needed by the thousand (every epoch of every policy's networks, every bootstrap draw), so besides
scikit-learn's there is one from counts, equal to it.
"""

import numpy as np
from sklearn.metrics import accuracy_score, f1_score


def macro_f1(targets: np.ndarray, preds: np.ndarray) -> float:
    """Return the mean F1 of the classes, the challenge's metric."""
    return float(f1_score(targets, preds, average="macro", zero_division=0))


def weighted_f1(targets: np.ndarray, preds: np.ndarray) -> float:
    """Return the mean F1 weighted by class size, the metric of ENS Challenge Data."""
    return float(f1_score(targets, preds, average="weighted", zero_division=0))


def accuracy(targets: np.ndarray, preds: np.ndarray) -> float:
    return float(accuracy_score(targets, preds))


METRICS = {"macro_f1": macro_f1, "weighted_f1": weighted_f1, "accuracy": accuracy}


def valid_scores(targets: np.ndarray, preds: np.ndarray) -> dict[str, float]:
    """Return all metrics, `valid_<name>`, over the validation products whose label counts; a target of -1 does not."""
    counts = targets >= 0
    return {f"valid_{name}": metric(targets[counts], preds[counts]) for name, metric in METRICS.items()}


def class_counts(
    targets: np.ndarray, preds: np.ndarray, num_classes: int, groups: np.ndarray | None = None, n_groups: int = 1
) -> np.ndarray:
    """Return (3, G, C): right predictions, predictions and labels of each class in each group.

    Takes (N,) class numbers; products whose target is -1 do not count.
    """
    known = targets >= 0
    offset = 0 if groups is None else groups[known] * num_classes
    targets, preds = targets[known], preds[known]
    cells = n_groups * num_classes
    right = np.bincount((offset + targets)[targets == preds], minlength=cells)
    predicted = np.bincount(offset + preds, minlength=cells)
    labelled = np.bincount(offset + targets, minlength=cells)
    return np.stack([right, predicted, labelled]).reshape(3, n_groups, num_classes)


def scores_of_counts(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return all metrics, (...) each, of (3, ..., C) counts."""
    right, _, labelled = counts
    total = np.maximum(labelled.sum(axis=-1), 1)
    return {
        "macro_f1": macro_f1_of_counts(counts),
        "weighted_f1": (labelled * f1_of_counts(counts)).sum(axis=-1) / total,
        "accuracy": right.sum(axis=-1) / total,
    }


def macro_f1_of_counts(counts: np.ndarray) -> np.ndarray:
    """Return (...) macro-F1 of (3, ..., C) counts; a class neither predicted nor labelled is left out of its mean."""
    _, predicted, labelled = counts
    return f1_of_counts(counts).sum(axis=-1) / np.maximum((predicted + labelled > 0).sum(axis=-1), 1)


def f1_of_counts(counts: np.ndarray) -> np.ndarray:
    """Return (..., C): each class's F1 of (3, ..., C) counts; 0 for a class neither predicted nor labelled."""
    right, predicted, labelled = counts
    return 2 * right / np.maximum(predicted + labelled, 1)


def quick_macro_f1(targets: np.ndarray, preds: np.ndarray, num_classes: int) -> float:
    """Return what `macro_f1` does, without scikit-learn's checks; products whose target is -1 do not count."""
    return float(macro_f1_of_counts(class_counts(targets, preds, num_classes))[0])

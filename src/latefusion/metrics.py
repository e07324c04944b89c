"""The scores of the challenge and its relatives, by the names the score table uses."""

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

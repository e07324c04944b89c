"""Expected calibration error and temperature scaling.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017. CalibratedClassifierCV(method="temperature") of
scikit-learn finds the same temperature; but it wants a classifier, and has neither several labels nor our folds.
"""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit

from latefusion.metrics.decisions import decide, first_labels, is_known, is_right

SMALLEST = 1e-7  # lower probabilities are clipped to this, so that logs are finite; float32 can represent 1 - 1e-7
BINS = 15  # of confidence, of equal width
LIMIT, PER_UNIT = 16.125, 32  # logits of several labels are counted in steps of 1 / 32; none is beyond the limit
LOGITS = np.arange(-LIMIT * PER_UNIT, LIMIT * PER_UNIT + 1) / PER_UNIT
BLOCK = 2_000_000  # probabilities of several labels that are processed at a time


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Return the temperature that minimises the log loss of (N, C) logits, and that log loss.

    `targets`: (N,) class numbers, or (N, C) several labels, whose log loss is the mean over products and classes.
    """

    def log_loss(log_temperature: float) -> float:
        if targets.ndim == 2:
            margins = np.where(targets > 0, logits, -logits) / np.exp(log_temperature)
            return float(np.logaddexp(0, -margins).mean())
        log_probs = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -log_probs[np.arange(len(targets)), targets].mean()

    found = minimize_scalar(log_loss, bounds=(-5, 5), method="bounded")
    return float(np.exp(found.x)), float(found.fun)


def fold_temperatures(probs: np.ndarray, targets: np.ndarray, folds: np.ndarray, n_folds: int) -> np.ndarray:
    """Return (F + 1,) temperatures: for each fold the one fitted on all other folds, then the one fitted on all folds.

    Products whose labels do not count are ignored; if no product remains to fit on, the temperature is 1.
    """
    if targets.ndim == 2:
        counts = count_logits(probs, targets, folds, n_folds)
        return np.array([_temperature_of_counts(own) for own in (*(counts.sum(axis=0) - counts), counts.sum(axis=0))])
    known = is_known(targets)
    fitted_on = [*(known & (folds != fold) for fold in range(n_folds)), known]
    return np.array([temperature_of(probs[rows], targets[rows]) for rows in fitted_on])


def temperature_of(probs: np.ndarray, targets: np.ndarray) -> float:
    """Return the temperature that minimises the log loss of (N, C) probabilities; 1 without products."""
    if targets.ndim == 2:
        return fold_temperatures(probs, targets, np.zeros(len(targets), dtype=np.int64), 1)[-1]
    return fit_temperature(as_logits(probs), targets)[0] if len(targets) else 1.0


def count_logits(probs: np.ndarray, targets: np.ndarray, folds: np.ndarray, n_folds: int) -> np.ndarray:
    """Return (F, 2, B): how many (N, C) probabilities of a fold are nearest to each of `LOGITS`.

    Those of labels that the products do not have come first, then those of labels that they have. Products whose labels
    do not count are ignored. Fits to thousands of classes need no more than these counts; and as they are whole
    numbers, a fit on all folds but one does not depend on the labels of that one, not even by rounding.
    """
    counts = np.zeros(n_folds * 2 * len(LOGITS), dtype=np.int64)
    known = np.flatnonzero(is_known(targets))
    size = max(1, BLOCK // probs.shape[1])
    for start in range(0, len(known), size):
        rows = known[start : start + size]
        numbers = np.rint((as_logits(probs[rows], several=True) + LIMIT) * PER_UNIT).astype(np.int64)
        numbers += (folds[rows, None] * 2 + (targets[rows] > 0)) * len(LOGITS)
        counts += np.bincount(numbers.ravel(), minlength=len(counts))
    return counts.reshape(n_folds, 2, len(LOGITS))


def _temperature_of_counts(counts: np.ndarray) -> float:
    """Return the temperature that minimises the log loss of counted logits (`count_logits`); 1 if there are none."""
    if not counts.any():
        return 1.0

    def log_loss(log_temperature: float) -> float:
        margins = LOGITS / np.exp(log_temperature)
        return float(counts[0] @ np.logaddexp(0, margins) + counts[1] @ np.logaddexp(0, -margins))

    return float(np.exp(minimize_scalar(log_loss, bounds=(-5, 5), method="bounded").x))


def as_logits(probs: np.ndarray, *, several: bool = False) -> np.ndarray:
    """Return the logs of probabilities, of several labels the logs of odds, clipped so that they are finite."""
    if several:
        return logit(np.clip(probs.astype(np.float64), SMALLEST, 1 - SMALLEST)).astype(probs.dtype)
    return np.log(np.maximum(probs, SMALLEST))


def temper(probs: np.ndarray, temperature: float, *, several: bool = False) -> np.ndarray:
    """Return (N, C) probabilities after temperature scaling: softer above 1, sharper below 1, unchanged at 1."""
    if temperature == 1:
        return probs
    if several:
        return expit(as_logits(probs, several=True) / temperature).astype(probs.dtype)
    return np.exp(log_softmax(as_logits(probs) / temperature, axis=1)).astype(probs.dtype)


def temper_by_fold(
    probs: np.ndarray, folds: np.ndarray, temperatures: list[float], *, several: bool = False
) -> np.ndarray:
    """Return (N, C) probabilities after temperature scaling, each row with the temperature of its fold."""
    tempered = np.empty_like(probs)
    for fold, temperature in enumerate(temperatures):
        tempered[folds == fold] = temper(probs[folds == fold], temperature, several=several)
    return tempered


def mean_log_losses(probs: np.ndarray, targets: np.ndarray, temperatures: np.ndarray) -> np.ndarray:
    """Return (N,): the mean log losses over classes of (N, C) probabilities of several labels.

    `temperatures`: (N,), with which each product's are scaled first.
    """
    losses, size = np.empty(len(probs)), max(1, BLOCK // probs.shape[1])
    for start in range(0, len(probs), size):
        rows = slice(start, start + size)
        logits = as_logits(probs[rows], several=True) / temperatures[rows, None].astype(np.float32)
        losses[rows] = (np.logaddexp(0, logits) - np.where(targets[rows] > 0, logits, 0)).mean(axis=1)
    return losses


def reliability(targets: np.ndarray, probs: np.ndarray, preds: np.ndarray | None = None) -> pd.DataFrame:
    """Return a table of the bins of confidence that hold products: `confidence` (mean), `accuracy`, `n`.

    `preds`: decisions, by default the classes of highest probability. Of several labels, it is the first that counts.
    """
    preds = decide(probs, several=targets.ndim == 2) if preds is None else preds
    confidence = probs[np.arange(len(preds)), first_labels(preds)]
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    table = pd.DataFrame({"confidence": confidence, "accuracy": is_right(targets, preds), "n": 1})
    return table.groupby(bins).agg({"confidence": "mean", "accuracy": "mean", "n": "sum"}).rename_axis("bin")


def assigned_calibration_error(targets: np.ndarray, probs: np.ndarray, preds: np.ndarray) -> float:
    """Return the expected calibration error of all assigned labels of (N, C) decisions, each with its probability."""
    rows, classes = np.nonzero(preds > 0)
    right = (targets[rows, classes] > 0).astype(np.int64)
    both = np.stack([1 - probs[rows, classes], probs[rows, classes]], axis=1)  # each label as a product of two classes
    return expected_calibration_error(right, both, np.ones(len(rows), dtype=np.int64))


def expected_calibration_error(targets: np.ndarray, probs: np.ndarray, preds: np.ndarray | None = None) -> float:
    """Return the mean of |confidence - accuracy| over 15 bins of equal width, weighted by their numbers of products."""
    table = reliability(targets, probs, preds)
    return float(((table["confidence"] - table["accuracy"]).abs() * table["n"]).sum() / table["n"].sum())

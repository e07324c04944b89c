"""Expected calibration error and temperature scaling.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
"""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit

from latefusion.metrics.decisions import decide, first_labels, is_known, is_right

SMALLEST = 1e-7  # lower probabilities are clipped to this, so that logs are finite; float32 can represent 1 - 1e-7
BINS = 15  # of confidence, of equal width


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
    known = is_known(targets)
    fitted_on = [*(known & (folds != fold) for fold in range(n_folds)), known]
    return np.array([temperature_of(probs[rows], targets[rows]) for rows in fitted_on])


def temperature_of(probs: np.ndarray, targets: np.ndarray) -> float:
    """Return the temperature that minimises the log loss of (N, C) probabilities; 1 without products."""
    return fit_temperature(as_logits(probs, several=targets.ndim == 2), targets)[0] if len(targets) else 1.0


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


def reliability(targets: np.ndarray, probs: np.ndarray, preds: np.ndarray | None = None) -> pd.DataFrame:
    """Return a table of the bins of confidence that hold products: `confidence` (mean), `accuracy`, `n`.

    `preds`: decisions, by default the classes of highest probability. Of several labels, it is the first that counts.
    """
    preds = decide(probs, several=targets.ndim == 2) if preds is None else preds
    confidence = probs[np.arange(len(preds)), first_labels(preds)]
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    table = pd.DataFrame({"confidence": confidence, "accuracy": is_right(targets, preds), "n": 1})
    return table.groupby(bins).agg({"confidence": "mean", "accuracy": "mean", "n": "sum"}).rename_axis("bin")


def expected_calibration_error(targets: np.ndarray, probs: np.ndarray, preds: np.ndarray | None = None) -> float:
    """Return the mean of |confidence - accuracy| over 15 bins of equal width, weighted by their numbers of products."""
    table = reliability(targets, probs, preds)
    return float(((table["confidence"] - table["accuracy"]).abs() * table["n"]).sum() / table["n"].sum())

"""Calibrate the probabilities of submitted decisions: of the decisions with confidence 0.9, nine of ten shall be right.

Temperature scaling (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017) minimises the log loss of all
probabilities. That goes wrong where some labels cannot be predicted: wrong labels, and classes that have no product
outside a fold. So two parameters are added, and all three are fitted to the confidence of the decisions alone, with
which they are right or wrong.

Of several labels, each has a probability of its own, and a temperature leaves one of a half as it is. But a network
that was trained with a positive weight, or on classes that are rarer elsewhere, assigns all labels too often or too
rarely. So an offset is added to the logits (Platt, "Probabilistic Outputs for Support Vector Machines", 1999), and both
are fitted to the log loss of all labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

from latefusion.metrics.calibration import LOGITS, as_logits, count_logits, temper
from latefusion.metrics.decisions import first_labels

STEP = 0.2  # of the logs of temperature and power
LOG_TEMPERATURES = STEP * np.arange(-50, 26)  # to e^-10: with hundreds of classes, TF-IDF may be almost uniform
LOG_POWERS = STEP * np.arange(8)
PRIOR_DEVIATION = 2
N_NOISES, MOST_NOISE = 40, 0.95
MOST_PRODUCTS = 5_000  # three parameters need no more
BLOCK = 2_000_000  # probabilities that are processed at a time


@dataclass(frozen=True)
class Calibration:
    """The parameters of the mapping p -> (1 - noise) * softmax(log(p) / temperature) ** power, and what is left.

    What is left of the probability is divided equally among all classes. So the order of the classes stays the same.
    A power above 1 lowers small confidences more than large ones; `noise` is a bound on all of them.
    """

    temperature: float
    power: float
    noise: float

    def apply(self, probs: np.ndarray) -> np.ndarray:
        """Return the calibrated (N, C) probabilities, in the order of the given ones."""
        kept = (1 - self.noise) * temper(probs, self.temperature) ** self.power
        left = 1 - kept.sum(axis=1, keepdims=True, dtype=np.float64)
        return (kept + left / probs.shape[1]).astype(probs.dtype)


@dataclass(frozen=True)
class LabelCalibration:
    """The parameters of the mapping p -> sigmoid(slope * logit(p) + offset) of the probabilities of several labels.

    One parameter would not do: the slope says how sure labels are, the offset how frequent they are. Both are the same
    for all classes, and the slope is positive, so the order of the classes stays the same.
    """

    slope: float
    offset: float

    @property
    def temperature(self) -> float:
        """The temperature that the slope is."""
        return 1 / self.slope

    @property
    def half(self) -> float:
        """The probability that is calibrated to a half."""
        return float(expit(-self.offset / self.slope))

    def apply(self, probs: np.ndarray) -> np.ndarray:
        """Return the calibrated (N, C) probabilities, in the order of the given ones."""
        calibrated, size = np.empty_like(probs), max(1, BLOCK // probs.shape[1])
        for start in range(0, len(probs), size):
            logits = as_logits(probs[start : start + size], several=True)
            calibrated[start : start + size] = expit(self.slope * logits + self.offset)
        return calibrated


AnyCalibration = Calibration | LabelCalibration


def restore_calibration(parameters: Mapping[str, float]) -> AnyCalibration:
    """Return the calibration with these parameters, of one label or several. Raises TypeError if they fit neither."""
    return LabelCalibration(**parameters) if "slope" in parameters else Calibration(**parameters)


@dataclass(frozen=True)
class FoldCalibrations:
    """The calibration of each fold, fitted on all other folds, and `final`, fitted on all."""

    by_fold: tuple[AnyCalibration, ...]
    final: AnyCalibration

    def apply_out_of_fold(self, probs: np.ndarray, folds: np.ndarray) -> np.ndarray:
        """Return the (N, C) probabilities, calibrated without the labels of the product's own fold."""
        calibrated = np.empty_like(probs)
        for fold, calibration in enumerate(self.by_fold):
            calibrated[folds == fold] = calibration.apply(probs[folds == fold])
        return calibrated


def favour(probs: np.ndarray, preds: np.ndarray) -> np.ndarray:
    """Return (N, C) probabilities in which no class has a higher one than the decided class; of several, the first.

    The class with the most votes need not be the one of highest mean probability. Where it is not, it and all classes
    of higher probability get the mean of theirs: the members disagree, and the decision is no surer than those classes.
    """
    own = probs[np.arange(len(preds)), first_labels(preds)]
    rows = np.flatnonzero(own < probs.max(axis=1))
    favoured, higher = probs.copy(), probs[rows] >= own[rows, None]
    shares = np.where(higher, probs[rows], 0).sum(axis=1) / higher.sum(axis=1)
    favoured[rows] = np.where(higher, shares[:, None], probs[rows])
    return favoured


def fit_calibrations(probs: np.ndarray, preds: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> FoldCalibrations:
    """Fit calibrations to (N, C) probabilities, decisions and labels (see `metrics.decisions`) and (N,) fold numbers.

    Of one label, they minimise the log loss of the confidence as the probability that the decision is right, on a grid.
    So no bound of an optimiser is reached by rounding, and a label has no influence on its own fold, not even by
    rounding. Of several labels, they minimise the log loss of all labels, whatever is decided.
    """
    if targets.ndim == 2:
        *by_fold, final = fit_label_calibrations(probs, targets, folds)
        return FoldCalibrations(tuple(by_fold), final)
    rows = np.flatnonzero(targets >= 0)
    rows = rows[:: max(1, -(-len(rows) // MOST_PRODUCTS))]
    noises = _noises(len(rows))
    n_folds = int(folds.max()) + 1
    losses = np.zeros((n_folds, len(LOG_TEMPERATURES), len(LOG_POWERS), len(noises)))
    size = max(1, BLOCK // probs.shape[1])
    for start in range(0, len(rows), size):
        block = rows[start : start + size]
        right = preds[block] == targets[block]
        losses += _losses(probs[block], preds[block], right, np.eye(n_folds)[folds[block]], noises)
    others = [[number for number in range(n_folds) if number != fold] for fold in range(n_folds)]
    fitted = [_least(losses[numbers].sum(axis=0), noises) for numbers in (*others, range(n_folds))]
    return FoldCalibrations(tuple(fitted[:-1]), fitted[-1])


def fit_label_calibrations(probs: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> list[LabelCalibration]:
    """Return the calibrations of least log loss for (N, C) probabilities of several labels and (N,) fold numbers.

    One for each fold, fitted to all other folds, then one that is fitted to all.
    """
    counts = count_logits(probs, targets, folds, int(folds.max()) + 1)
    total = counts.sum(axis=0)
    return [_fit_labels(total - own) for own in counts] + [_fit_labels(total)]


def _fit_labels(counts: np.ndarray) -> LabelCalibration:
    """Return the calibration of least log loss of counted logits, (2, B) as of `count_logits`.

    With the weak prior of `_least`, for the log of the slope and for the offset.
    """
    n = max(counts.sum(), 1)

    def log_loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        slope, offset = np.exp(parameters[0]), parameters[1]
        logits = slope * LOGITS + offset
        loss = counts[0] @ np.logaddexp(0, logits) + counts[1] @ np.logaddexp(0, -logits)
        residuals = counts[0] * expit(logits) - counts[1] * expit(-logits)  # the derivative by each logit
        gradient = np.array([residuals @ (slope * LOGITS), residuals.sum()])
        prior = (parameters @ parameters) / (2 * PRIOR_DEVIATION**2)
        return (loss + prior) / n, (gradient + parameters / PRIOR_DEVIATION**2) / n

    log_slope, offset = minimize(log_loss, np.zeros(2), jac=True, method="BFGS", options={"gtol": 1e-8}).x
    return LabelCalibration(float(np.exp(log_slope)), float(offset))


def _noises(n: int) -> np.ndarray:
    """Return the grid of the noise. It is never zero: if n of n decisions are right, one of n + 1 may be wrong."""
    return np.geomspace(min(1 / (n + 1), MOST_NOISE), MOST_NOISE, N_NOISES)


def _losses(
    probs: np.ndarray, preds: np.ndarray, right: np.ndarray, in_fold: np.ndarray, noises: np.ndarray
) -> np.ndarray:
    """Return (F, T, P, E) sums over the products of each fold of the log loss of temperatures, powers and noises.

    `in_fold`: (N, F), one where the product is in the fold. For z(t), the sum over classes of p ** (1 / t), a
    confidence with power is p ** (power / t) / z(t) ** power, and the sum of a row is z(t / power) / z(t) ** power.
    Both grids have the same step, so t / power is a temperature of the grid, or below it.
    """
    logits = as_logits(probs).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    own, n_powers = logits[np.arange(len(preds)), preds], len(LOG_POWERS)
    below = LOG_TEMPERATURES[0] - LOG_POWERS[:0:-1]
    log_z = [logsumexp(logits / np.exp(log_t), axis=1) for log_t in (*below, *LOG_TEMPERATURES)]
    losses = np.empty((in_fold.shape[1], len(LOG_TEMPERATURES), n_powers, len(noises)))
    kept = 1 - noises[:, None]  # (E, 1)
    for i, log_t in enumerate(LOG_TEMPERATURES):
        at = i + len(below)
        for j, power in enumerate(np.exp(LOG_POWERS)):
            confidence = np.exp(power * (own / np.exp(log_t) - log_z[at]))
            row_sum = np.exp(log_z[at - j] - power * log_z[at])
            mixed = kept * confidence + (1 - kept * row_sum) / probs.shape[1]  # (E, N)
            losses[:, i, j] = (-np.log(np.where(right, mixed, 1 - mixed)) @ in_fold).T
    return losses


def _least(losses: np.ndarray, noises: np.ndarray) -> Calibration:
    """Return the calibration of least (T, P, E) loss, with a weak prior for temperature and power near 1.

    The prior is that of Gaussian logs with the deviation PRIOR_DEVIATION: without it, a few products that are all right
    would give the sharpest calibration of the grid.
    """
    prior = (LOG_TEMPERATURES[:, None] ** 2 + LOG_POWERS**2) / (2 * PRIOR_DEVIATION**2)
    i, j, k = np.unravel_index((losses + prior[:, :, None]).argmin(), losses.shape)
    return Calibration(float(np.exp(LOG_TEMPERATURES[i])), float(np.exp(LOG_POWERS[j])), float(noises[k]))

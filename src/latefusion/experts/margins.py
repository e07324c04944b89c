"""Turn the margins of linear classifiers into probabilities, by what is fitted on out-of-fold margins.

One label: a softmax with a temperature (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017). Several
labels: a sigmoid of each margin, as Platt's scaling ("Probabilistic Outputs for Support Vector Machines", 1999), the
same for all classes, with one slope below zero and one above: margins of support vector machines crowd at -1 and 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

from latefusion.metrics.calibration import fit_temperature

BINS = 20_000  # of equal width, into which margins are counted


@dataclass(frozen=True)
class Softmax:
    """Probabilities of products with one label: the softmax of margins divided by the temperature."""

    temperature: float

    def __call__(self, margins: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities of (N, K) margins."""
        return np.exp(log_softmax(margins / self.temperature, axis=1)).astype(np.float32)

    @property
    def numbers(self) -> dict[str, float]:
        return {"temperature": self.temperature}


@dataclass(frozen=True)
class Sigmoids:
    """Probabilities of products with several labels: sigmoids of slope * margin + offset."""

    slope_below: float  # of margins below zero
    slope_above: float
    offset: float

    def __call__(self, margins: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities of (N, K) margins."""
        slopes = np.where(margins < 0, np.float32(self.slope_below), np.float32(self.slope_above))
        return expit(slopes * margins + np.float32(self.offset)).astype(np.float32)

    @property
    def numbers(self) -> dict[str, float]:
        return {"slope_below": self.slope_below, "slope_above": self.slope_above, "offset": self.offset}


Calibration: TypeAlias = Softmax | Sigmoids


def calibration_of(arrays: Mapping[str, np.ndarray]) -> Calibration:
    """Return the calibration whose `numbers` are among the arrays of a stored classifier."""
    kind = Softmax if "temperature" in arrays else Sigmoids
    return kind(**{field.name: float(arrays[field.name]) for field in fields(kind)})


def fit_calibration(margins: np.ndarray, targets: np.ndarray) -> tuple[Calibration, float]:
    """Return the calibration of least log loss on (N, K) margins, and that log loss.

    `targets`: (N,) class numbers; or (N, K) several labels, whose log loss is the mean over products and classes.
    """
    if targets.ndim == 2:
        return _fit_sigmoids(margins, targets)
    temperature, log_loss = fit_temperature(margins, targets)
    return Softmax(temperature), log_loss


def _fit_sigmoids(margins: np.ndarray, targets: np.ndarray) -> tuple[Sigmoids, float]:
    """Fit on the margins' counts and means in bins, of products with the label and without: there can be millions."""
    of_labels = targets > 0
    (positive, weights), (negative, others) = _in_bins(margins[of_labels]), _in_bins(margins[~of_labels])
    values, signs = np.concatenate([positive, negative]), np.repeat([1, -1], [len(positive), len(negative)])
    shares = np.concatenate([weights, others]) / targets.size
    inputs = np.stack([np.minimum(values, 0), np.maximum(values, 0), np.ones(len(values))])  # (3, bins)

    def log_loss(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        logits = signs * (numbers @ inputs)
        return float(shares @ np.logaddexp(0, -logits)), inputs @ (-signs * shares * expit(-logits))

    start, bounds = np.array([1.0, 1.0, 0.0]), [(0, 1e3), (0, 1e3), (-50, 50)]
    options = {"ftol": 1e-12, "gtol": 1e-9, "maxiter": 1000}
    found = minimize(log_loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return Sigmoids(*map(float, found.x)), float(found.fun)


def _in_bins(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of the values in each bin that has any, and their number."""
    if not len(values):
        return np.empty(0), np.empty(0)
    extent = (float(values.min()), float(values.max()))
    counts, _ = np.histogram(values, BINS, extent)
    sums, _ = np.histogram(values, BINS, extent, weights=values.astype(np.float64))
    filled = counts > 0
    return sums[filled] / counts[filled], counts[filled].astype(np.float64)

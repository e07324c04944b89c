"""The classifier of a linear probe: standardisation, logistic regression, calibration.

The regression is multinomial, or of several labels one for each (`regression`).
"""

import logging
import warnings
from dataclasses import dataclass, fields
from pathlib import Path

import joblib
import numpy as np
from safetensors.numpy import load_file
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from latefusion.config import Probe
from latefusion.experts.linear import Classifier, fit_linear, for_all_classes, weights_of
from latefusion.experts.margins import Calibration, calibration_of
from latefusion.experts.probe.regression import SeveralLogisticRegression
from latefusion.utils.arrays import save_arrays

logger = logging.getLogger(__name__)
# Of the gradient of the mean loss. With a tenth of it a search takes up to three times as long, and log losses out of
# fold are no lower.
TOLERANCE = 1e-3
# Of several labels: of the decrease of the loss in a step. With a tenth of it log losses out of fold are no lower.
SEVERAL_TOLERANCE = 1e-5
MAX_ITERATIONS = 1000


@dataclass(frozen=True)
class ProbeClassifier:
    """A fitted classifier, as `model.safetensors` holds it. K classes are known to it, of C in all."""

    mean: np.ndarray  # (F,), subtracted from the features
    std: np.ndarray  # (F,), by which they are then divided
    weights: np.ndarray  # (F, K)
    bias: np.ndarray  # (K,)
    classes: np.ndarray  # (K,) class numbers: those of the training products with features
    frequencies: np.ndarray  # (C,) of the classes among all training products: the probabilities without features
    C: np.ndarray  # (), the inverse regularisation strength
    calibration: Calibration

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """Return (N, C) float32 probabilities from (N, F) features."""
        margins = (features - self.mean) / self.std @ self.weights + self.bias
        return self.calibration(for_all_classes(margins, self.classes, len(self.frequencies)))

    def save(self, path: Path) -> None:
        arrays = {name: getattr(self, name) for name in ARRAYS}
        save_arrays(arrays | {name: np.array(number) for name, number in self.calibration.numbers.items()}, path)

    @classmethod
    def load(cls, path: Path) -> "ProbeClassifier":
        arrays = load_file(path)
        return cls(**{name: arrays[name] for name in ARRAYS}, calibration=calibration_of(arrays))


ARRAYS = [field.name for field in fields(ProbeClassifier) if field.name != "calibration"]


def fit_classifier(
    features: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray | None,
    *,
    frequencies: np.ndarray,
    expert: Probe,
    name: str,
) -> tuple[ProbeClassifier, dict[str, float]]:
    """Fit on (N, F) features, N targets and (N,) groups of near-duplicates; return also what to report.

    Targets are (N,) class numbers, or (N, C) several labels, 0 or 1. `frequencies` (C,) are those of the classes among
    the training products, with those that have no features. At least two classes must have features.
    """
    mean, std = _scaling(features) if expert.standardise else (np.zeros(1, np.float32), np.ones(1, np.float32))

    def make(C: float) -> Classifier:
        if targets.ndim == 2:
            return SeveralLogisticRegression(C, SEVERAL_TOLERANCE, MAX_ITERATIONS)
        return LogisticRegression(C=C, tol=TOLERANCE, max_iter=MAX_ITERATIONS)

    # BLAS in one thread: matrices with a column per class are too narrow to share, and on a busy machine threads that
    # wait for each other took ten times as long. The folds have a thread each instead.
    with threadpool_limits(1, "blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # reported below, for the classifier that is used
        fit = fit_linear(
            make, (features - mean) / std, targets, groups,
            expert=expert, name=name, until_worse=True, n_threads=min(expert.n_folds, joblib.cpu_count()),
        )  # fmt: skip
    regression: LogisticRegression | SeveralLogisticRegression = fit.classifier
    if regression.n_iter_.max() >= MAX_ITERATIONS:
        logger.warning("%s: C %g: the regression has not converged in %d iterations", name, fit.C, MAX_ITERATIONS)
    weights, bias = weights_of(regression)
    classifier = ProbeClassifier(
        mean=mean,
        std=std,
        weights=weights,
        bias=bias,
        classes=regression.classes_,
        frequencies=frequencies.astype(np.float32),
        C=np.array(fit.C),
        calibration=fit.calibration,
    )
    return classifier, {"features": features.shape[1]} | fit.facts


def _scaling(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each feature, float32; 1 for a feature that is constant."""
    std = features.std(axis=0, dtype=np.float64)
    std[std == 0] = 1
    return features.mean(axis=0, dtype=np.float64).astype(np.float32), std.astype(np.float32)

"""The classifier of a linear probe: standardisation, multinomial logistic regression, temperature."""

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
from latefusion.experts.linear import fit_linear, for_all_classes, tempered, weights_of
from latefusion.utils.arrays import save_arrays

logger = logging.getLogger(__name__)
# Of the gradient of the mean loss. With a tenth of it a search takes up to three times as long, and log losses out of
# fold are no lower.
TOLERANCE = 1e-3
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
    temperature: np.ndarray  # ()

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """Return (N, C) float32 probabilities from (N, F) features."""
        margins = (features - self.mean) / self.std @ self.weights + self.bias
        return tempered(for_all_classes(margins, self.classes, len(self.frequencies)), float(self.temperature))

    def save(self, path: Path) -> None:
        save_arrays({field.name: getattr(self, field.name) for field in fields(self)}, path)

    @classmethod
    def load(cls, path: Path) -> "ProbeClassifier":
        return cls(**load_file(path))


def fit_classifier(
    features: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray | None,
    *,
    n_per_class: np.ndarray,
    expert: Probe,
    name: str,
) -> tuple[ProbeClassifier, dict[str, float]]:
    """Fit on (N, F) features, (N,) class numbers and (N,) groups of near-duplicates; return also what to report.

    `n_per_class` (C,) are the numbers of training products, with those that have no features. At least two classes must
    have features.
    """
    mean, std = _scaling(features) if expert.standardise else (np.zeros(1, np.float32), np.ones(1, np.float32))

    def make(C: float) -> LogisticRegression:
        return LogisticRegression(C=C, tol=TOLERANCE, max_iter=MAX_ITERATIONS)

    # BLAS in one thread: matrices with a column per class are too narrow to share, and on a busy machine threads that
    # wait for each other took ten times as long. The folds have a thread each instead.
    with threadpool_limits(1, "blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # reported below, for the classifier that is used
        fit = fit_linear(
            make, (features - mean) / std, targets, groups,
            expert=expert, name=name, until_worse=True, n_threads=min(expert.n_folds, joblib.cpu_count()),
        )  # fmt: skip
    regression: LogisticRegression = fit.classifier
    if regression.n_iter_.max() >= MAX_ITERATIONS:
        logger.warning("%s: C %g: the regression has not converged in %d iterations", name, fit.C, MAX_ITERATIONS)
    weights, bias = weights_of(regression)
    classifier = ProbeClassifier(
        mean=mean,
        std=std,
        weights=weights,
        bias=bias,
        classes=regression.classes_,
        frequencies=(n_per_class / n_per_class.sum()).astype(np.float32),
        C=np.array(fit.C),
        temperature=np.array(fit.temperature),
    )
    return classifier, {"features": features.shape[1]} | fit.facts


def _scaling(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each feature, float32; 1 for a feature that is constant."""
    std = features.std(axis=0, dtype=np.float64)
    std[std == 0] = 1
    return features.mean(axis=0, dtype=np.float64).astype(np.float32), std.astype(np.float32)

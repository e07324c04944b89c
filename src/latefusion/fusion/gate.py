"""The gate of cost-aware selection: from the probabilities of cheap experts to the expected gain of asking dear ones.

A ridge regression on the gain of each product (`on_demand`), whose regularisation is chosen by leave-one-out
cross-validation. Its features are those of a product's cheap probabilities alone: of each expert the highest ones in
descending order, their logits, and the entropy; and of the class that they give the mean gain of other products, which
says whether this class is often confused.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import RidgeCV

from latefusion.fusion.select import highest
from latefusion.metrics.calibration import SMALLEST

TOP_K = 3  # highest probabilities of each expert
PRIOR = 5.0  # products with the mean gain that are added to each class
ALPHAS = np.logspace(-1, 4, 11)


@dataclass(frozen=True)
class Cheap:
    """What the cheap experts say of N products."""

    features: np.ndarray  # (N, F) float64
    classes: np.ndarray  # (N,) class numbers: the most probable one

    @classmethod
    def of(cls, tables: tuple[np.ndarray, ...], *, several: bool) -> "Cheap":
        """Compute it from the (N, C) tables of the cheap experts."""
        blocks = []
        for table in tables:
            top = highest(table, TOP_K).astype(np.float64).clip(SMALLEST, 1 - SMALLEST)
            blocks += [top, np.log(top / (1 - top)), _entropy(table, several=several)[:, None]]
        return cls(np.hstack(blocks), sum(tables).argmax(axis=1))

    def at(self, rows: np.ndarray) -> "Cheap":
        """Return that of some of the products."""
        return Cheap(self.features[rows], self.classes[rows])


@dataclass(frozen=True)
class Gate:
    """A linear function of the standardised features and of the mean gain of the class."""

    mean: np.ndarray  # (F + 1,)
    scale: np.ndarray  # (F + 1,)
    weights: np.ndarray  # (F + 1,)
    bias: np.ndarray  # ()
    class_gains: np.ndarray  # (C,)

    @classmethod
    def fit(cls, cheap: Cheap, gains: np.ndarray, folds: np.ndarray, num_classes: int) -> "Gate":
        """Fit the (N,) gains of products. `folds`: the mean gain of a class is that of a product's other folds."""
        if not len(gains):
            none = np.zeros(cheap.features.shape[1] + 1)
            return cls(none, none + 1, none, np.array(0.0), np.zeros(num_classes))
        own = np.empty(len(gains))
        for fold in np.unique(folds):
            others = folds != fold
            own[~others] = _mean_gains(cheap.classes[others], gains[others], num_classes)[cheap.classes[~others]]
        features = np.column_stack([cheap.features, own])
        mean, scale = features.mean(axis=0), features.std(axis=0)
        scale[scale < 1e-9] = 1.0
        fitted = RidgeCV(ALPHAS).fit((features - mean) / scale, gains)
        class_gains = _mean_gains(cheap.classes, gains, num_classes)
        return cls(mean, scale, fitted.coef_, np.array(fitted.intercept_), class_gains)

    def scores(self, cheap: Cheap) -> np.ndarray:
        """Return the (N,) expected gains."""
        features = np.column_stack([cheap.features, self.class_gains[cheap.classes]])
        return ((features - self.mean) / self.scale) @ self.weights + self.bias


def _mean_gains(classes: np.ndarray, gains: np.ndarray, num_classes: int) -> np.ndarray:
    """Return the (C,) mean gains of products by class, drawn to the mean of all where a class has few."""
    overall = gains.mean() if len(gains) else 0.0
    sums, counts = np.bincount(classes, gains, num_classes), np.bincount(classes, minlength=num_classes)
    return (sums + PRIOR * overall) / (counts + PRIOR)


def _entropy(probs: np.ndarray, *, several: bool) -> np.ndarray:
    """Return (N,) entropies of distributions; of several labels, the sum over the classes of those of each."""
    clipped = probs.clip(SMALLEST, 1 - SMALLEST)
    entropy = -(clipped * np.log(clipped)).sum(axis=1, dtype=np.float64)
    if several:
        entropy -= ((1 - clipped) * np.log1p(-clipped)).sum(axis=1, dtype=np.float64)
    return entropy

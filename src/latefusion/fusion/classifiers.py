"""The classifiers of stacking: scikit-learn fits them; as arrays they are saved without pickle, and predict here.

`classes` (K,) are the class numbers that occur among the products that a classifier is fitted on. `targets` of several
labels are (N, C), see `metrics.decisions`.
"""

import logging
import warnings
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from scipy.special import expit, softmax
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Ridge as RidgeRegression

from latefusion.config import BoostingPolicy, LogisticPolicy, RidgePolicy

logger = logging.getLogger(__name__)
MAX_ITER = 2000
ALWAYS = 20.0  # the logit of a label that all products have


@dataclass(frozen=True)
class Logistic:
    """Logistic regression: multinomial, or of several labels one regression per class against all others."""

    classes: np.ndarray  # (K,)
    weights: np.ndarray  # (F, K) float64
    bias: np.ndarray  # (K,) float64
    several: np.ndarray = field(default_factory=lambda: np.array(False))  # () bool; older models have none

    @classmethod
    def fit(cls, policy: LogisticPolicy, features: np.ndarray, targets: np.ndarray) -> "Logistic":
        """Fit (N, F) features and (N,) class numbers, or (N, C) several labels."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            fitted = _fit_multinomial if targets.ndim == 1 else _fit_each_class
            classes, weights, bias = fitted(policy, features, targets)
        if any(warning.category is ConvergenceWarning for warning in caught):
            logger.warning("logistic regression stopped after %d iterations, before its optimum: lower C", MAX_ITER)
        return cls(classes, weights, bias, np.array(targets.ndim == 2))

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        logits = features @ self.weights + self.bias
        return expit(logits) if self.several else softmax(logits, axis=1)


def _fit_multinomial(
    policy: LogisticPolicy, features: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the classes (K,), weights (F, K) and biases (K,)."""
    fitted = LogisticRegression(C=policy.C, max_iter=MAX_ITER).fit(features, targets)
    weights, bias = fitted.coef_.T, fitted.intercept_
    if weights.shape[1] == 1:  # of two classes scikit-learn has the second
        weights, bias = np.hstack([0 * weights, weights]), np.hstack([0 * bias, bias])
    return fitted.classes_, weights, bias


def _fit_each_class(
    policy: LogisticPolicy, features: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the classes (K,), weights (F, K) and biases (K,); a class of all products has a bias alone."""
    classes = np.flatnonzero((targets > 0).any(axis=0))
    weights, bias = np.zeros((features.shape[1], len(classes))), np.zeros(len(classes))
    for number, column in enumerate(classes):
        has_it = targets[:, column] > 0
        if has_it.all():
            bias[number] = ALWAYS
            continue
        fitted = LogisticRegression(C=policy.C, max_iter=MAX_ITER).fit(features, has_it)
        weights[:, number], bias[number] = fitted.coef_[0], fitted.intercept_[0]
    return classes, weights, bias


@dataclass(frozen=True)
class Ridge:
    """Ridge regression on the labels, 0 or 1 for each class; its outputs are clipped, of one label also normalised."""

    classes: np.ndarray  # (K,)
    weights: np.ndarray  # (F, K) float64
    bias: np.ndarray  # (K,) float64
    several: np.ndarray  # () bool

    @classmethod
    def fit(cls, policy: RidgePolicy, features: np.ndarray, targets: np.ndarray) -> "Ridge":
        """Fit (N, F) features and (N,) class numbers, or (N, C) several labels."""
        several = targets.ndim == 2
        classes = np.flatnonzero((targets > 0).any(axis=0)) if several else np.unique(targets)
        labels = targets[:, classes] > 0 if several else targets[:, None] == classes
        fitted = RidgeRegression(alpha=policy.alpha, solver="cholesky").fit(
            features.astype(np.float64), labels.astype(np.float64)
        )
        weights = fitted.coef_.reshape(len(classes), -1).T  # of a single class scikit-learn may drop the axis
        return cls(classes, weights, np.broadcast_to(fitted.intercept_, len(classes)).copy(), np.array(several))

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        clipped = (features @ self.weights + self.bias).clip(0, 1)
        # Outputs sum to one before they are clipped, so the sum is never zero.
        return clipped if self.several else clipped / clipped.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Trees:
    """Gradient-boosted trees: the trees' T nodes one after another; R trees, those of one iteration side by side."""

    classes: np.ndarray  # (K,)
    baseline: np.ndarray  # (M,), before the first tree; M is 1 for two classes, else K
    roots: np.ndarray  # (R,) row numbers of the trees' first nodes; tree r is of the output r % M
    feature: np.ndarray  # (T,) column number
    threshold: np.ndarray  # (T,): values up to it go to the left
    left: np.ndarray  # (T,) row number of the next node; of a leaf: its own
    right: np.ndarray
    value: np.ndarray  # (T,) of a leaf
    depth: np.ndarray  # (), of the deepest leaf

    @classmethod
    def fit(cls, policy: BoostingPolicy, features: np.ndarray, targets: np.ndarray) -> "Trees":
        """Fit (N, F) features and (N,) class numbers."""
        fitted = HistGradientBoostingClassifier(
            max_iter=policy.trees, max_leaf_nodes=policy.max_leaf_nodes, learning_rate=policy.lr,
            early_stopping=False, random_state=policy.seed,
        ).fit(features, targets)  # fmt: skip
        trees = [tree.nodes for iteration in fitted._predictors for tree in iteration]
        roots = np.cumsum([0, *map(len, trees)])[:-1]
        nodes, own = np.concatenate(trees), np.repeat(roots, [len(tree) for tree in trees])
        is_leaf, rows = nodes["is_leaf"].astype(bool), np.arange(len(nodes))
        return cls(
            classes=fitted.classes_,
            baseline=np.ravel(fitted._baseline_prediction),
            roots=roots,
            feature=np.where(is_leaf, 0, nodes["feature_idx"]),
            threshold=np.where(is_leaf, np.inf, nodes["num_threshold"]),
            left=np.where(is_leaf, rows, own + nodes["left"]),
            right=np.where(is_leaf, rows, own + nodes["right"]),
            value=np.where(is_leaf, nodes["value"], 0.0),
            depth=np.array(nodes["depth"].max(), dtype=np.int64),
        )

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        n_outputs, products = len(self.baseline), np.arange(len(features))
        margins = np.tile(self.baseline, (len(features), 1))  # (N, M)
        for number, root in enumerate(self.roots):
            nodes = np.full(len(features), root)
            for _ in range(int(self.depth)):
                goes_left = features[products, self.feature[nodes]] <= self.threshold[nodes]
                nodes = np.where(goes_left, self.left[nodes], self.right[nodes])
            margins[:, number % n_outputs] += self.value[nodes]
        return softmax(margins if n_outputs > 1 else np.hstack([0 * margins, margins]), axis=1)


Classifier: TypeAlias = Logistic | Ridge | Trees
CLASSIFIERS: dict[str, Any] = {"logistic": Logistic, "ridge": Ridge, "boosting": Trees}  # by the kind of the policy

"""The classifiers of stacking: scikit-learn fits them; as arrays they are saved without pickle, and predict here.

`classes` (K,) are the class numbers that occur among the products that a classifier is fitted on.
"""

import logging
import warnings
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy.special import softmax
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from latefusion.config import BoostingPolicy, LogisticPolicy

logger = logging.getLogger(__name__)
MAX_ITER = 2000


@dataclass(frozen=True)
class Logistic:
    """Multinomial logistic regression."""

    classes: np.ndarray  # (K,)
    weights: np.ndarray  # (F, K) float64
    bias: np.ndarray  # (K,) float64

    @classmethod
    def fit(cls, policy: LogisticPolicy, features: np.ndarray, targets: np.ndarray) -> "Logistic":
        """Fit (N, F) features and (N,) class numbers."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            fitted = LogisticRegression(C=policy.C, max_iter=MAX_ITER).fit(features, targets)
        if any(warning.category is ConvergenceWarning for warning in caught):
            logger.warning("logistic regression stopped after %d iterations, before its optimum: lower C", MAX_ITER)
        weights, bias = fitted.coef_.T, fitted.intercept_
        if weights.shape[1] == 1:  # of two classes scikit-learn has the second
            weights, bias = np.hstack([0 * weights, weights]), np.hstack([0 * bias, bias])
        return cls(fitted.classes_, weights, bias)

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        return softmax(features @ self.weights + self.bias, axis=1)


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


Classifier: TypeAlias = Logistic | Trees
CLASSIFIERS: dict[str, Any] = {"logistic": Logistic, "boosting": Trees}  # by the kind of the policy

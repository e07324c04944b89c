"""Logistic regressions of several labels: one for each class, on the same features, all fitted at once.

scikit-learn fits one class after another. With thousands of classes the time goes into reading the features; here each
step of the optimizer reads them once for all classes.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

BLOCK = 4_000_000  # margins that are computed at one time


class SeveralLogisticRegression:
    """One-versus-rest logistic regressions, each that of scikit-learn's `LogisticRegression` with the same C.

    After `fit`: `classes_` (K,), `coef_` (K, F), `intercept_` (K,), and `n_iter_` (1,).
    """

    classes_: np.ndarray
    coef_: np.ndarray
    intercept_: np.ndarray
    n_iter_: np.ndarray

    def __init__(self, C: float, tol: float, max_iter: int):
        self.C, self.tol, self.max_iter = C, tol, max_iter

    def fit(self, features: np.ndarray, targets: np.ndarray) -> "SeveralLogisticRegression":
        """Fit on (N, F) features and (N, K) labels, 0 or 1. A class may have all products, or none."""
        (n_products, n_features), num_classes = features.shape, targets.shape[1]
        step = max(1, BLOCK // num_classes)

        def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
            """Return the log loss of all products and classes, with the penalty, and its gradient."""
            weights = parameters.reshape(n_features + 1, num_classes)
            total, gradient = (weights[:-1] ** 2).sum() / (2 * self.C), np.zeros_like(weights)
            gradient[:-1] = weights[:-1] / self.C
            weights = weights.astype(features.dtype)
            for start in range(0, n_products, step):
                block, labels = features[start : start + step], targets[start : start + step]
                margins = block @ weights[:-1] + weights[-1]
                total += np.logaddexp(0, margins).sum(dtype=np.float64) - margins[labels > 0].sum(dtype=np.float64)
                excess = expit(margins) - labels
                gradient[:-1] += block.T @ excess
                gradient[-1] += excess.sum(axis=0)
            return float(total), gradient.ravel()

        start = np.zeros((n_features + 1, num_classes))
        start[-1] = logit((targets.sum(axis=0) + 0.5) / (n_products + 1))
        options = {"maxiter": self.max_iter, "ftol": self.tol, "gtol": 0.0}
        found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options=options)
        weights = found.x.reshape(n_features + 1, num_classes)
        self.classes_, self.coef_, self.intercept_ = np.arange(num_classes), weights[:-1].T, weights[-1]
        self.n_iter_ = np.array([found.nit])
        return self

    def decision_function(self, features: np.ndarray) -> np.ndarray:
        """Return (N, K) margins."""
        return features @ self.coef_.T.astype(features.dtype) + self.intercept_

"""Stacking: logistic regression or gradient boosting on the experts' probabilities.

Wolpert, "Stacked Generalization", Neural Networks 1992. Other teams of the challenge fused their experts by stacking.
"""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from latefusion.config import BoostingPolicy, LogisticPolicy
from latefusion.fusion.inputs import ALL, FusionInputs
from latefusion.utils.errors import InputError

logger = logging.getLogger(__name__)
MAX_ITER = 2000


@dataclass(frozen=True)
class FittedStacking:
    """A classifier fitted on all validation products, and its out-of-fold probabilities."""

    inputs: FusionInputs[LogisticPolicy | BoostingPolicy]
    classifier: LogisticRegression | HistGradientBoostingClassifier
    oof_probs: np.ndarray  # (N, C)

    @property
    def facts(self) -> dict:
        return {}

    def save(self, run_dir: Path) -> None:
        """Write nothing: the classifier can be fitted again in seconds."""

    def decide(self, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return (N,) class numbers and (N, C) probabilities for products, from their experts' (N, C) tables."""
        probs = _predict(self.classifier, self.inputs.features(ALL, tables), self.inputs.num_classes)
        return probs.argmax(axis=1), probs


def fit_stacking(inputs: FusionInputs[LogisticPolicy | BoostingPolicy]) -> FittedStacking:
    """Fit a classifier for each fold on the other folds, and one on all."""
    oof_probs = np.empty_like(inputs.tables[0])
    for fold in range(inputs.policy.n_folds):
        held_out = inputs.folds == fold
        features = inputs.features(fold)
        classifier = _fit(inputs, features, inputs.fit_rows(fold))
        oof_probs[held_out] = _predict(classifier, features[held_out], inputs.num_classes)
    return FittedStacking(inputs, _fit(inputs, inputs.features(ALL), inputs.fit_rows(ALL)), oof_probs)


def _fit(inputs: FusionInputs[LogisticPolicy | BoostingPolicy], features: np.ndarray, rows: np.ndarray):
    targets = inputs.targets[rows]
    if len(np.unique(targets)) < 2:
        policy = inputs.policy
        raise InputError(
            f"policy of kind {policy.kind} on {', '.join(policy.experts)}: the labelled products outside one fold have "
            "a single class: use a rule such as product, or another split"
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        classifier = CLASSIFIERS[inputs.policy.kind](inputs.policy).fit(features[rows], targets)
    if any(warning.category is ConvergenceWarning for warning in caught):
        logger.warning("logistic regression stopped after %d iterations, before its optimum: lower C", MAX_ITER)
    return classifier


def _logistic(policy: LogisticPolicy) -> LogisticRegression:
    return LogisticRegression(C=policy.C, max_iter=MAX_ITER)


def _boosting(policy: BoostingPolicy) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=policy.trees, max_leaf_nodes=policy.max_leaf_nodes, learning_rate=policy.lr,
        early_stopping=False, random_state=policy.seed,
    )  # fmt: skip


CLASSIFIERS: dict[str, Callable[[Any], LogisticRegression | HistGradientBoostingClassifier]] = {
    "logistic": _logistic,
    "boosting": _boosting,
}


def _predict(classifier, features: np.ndarray, num_classes: int) -> np.ndarray:
    """Return (N, C) probabilities; 0 for a class without training products."""
    probs = np.zeros((len(features), num_classes), dtype=np.float32)
    probs[:, classifier.classes_] = classifier.predict_proba(features)
    return probs

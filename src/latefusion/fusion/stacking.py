"""Stacking: a classical classifier on the experts' probabilities, the other school of the challenge.

Wolpert, "Stacked Generalization", Neural Networks 1992.
"""

import logging
import warnings
from dataclasses import dataclass

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
    """A classifier learnt on all validation products, and what its like said of each left-out fold."""

    evidence: FusionInputs
    classifier: LogisticRegression | HistGradientBoostingClassifier
    oof_probs: np.ndarray  # (N, C)

    @property
    def facts(self) -> dict:
        return {}

    def decide(self, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return (N,) class numbers and (N, C) probabilities of products by their experts' (N, C) probabilities."""
        probs = _predict(self.classifier, self.evidence.features(ALL, tables), self.evidence.num_classes)
        return probs.argmax(axis=1), probs


def fit_stacking(evidence: FusionInputs) -> FittedStacking:
    """Learn a classifier on each fold's complement, and one on all."""
    oof_probs = np.empty_like(evidence.tables[0])
    for fold in range(evidence.policy.n_folds):
        left_out = evidence.folds == fold
        features = evidence.features(fold)
        classifier = _fit(evidence, features, evidence.rows(fold))
        oof_probs[left_out] = _predict(classifier, features[left_out], evidence.num_classes)
    return FittedStacking(evidence, _fit(evidence, evidence.features(ALL), evidence.rows(ALL)), oof_probs)


def _fit(evidence: FusionInputs, features: np.ndarray, rows: np.ndarray):
    targets = evidence.targets[rows]
    if len(np.unique(targets)) < 2:
        kind = evidence.policy.kind
        raise InputError(
            f"{kind} stacking: the validation products of all but one fold have a single class; fewer folds?"
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        classifier = _classifier(evidence.policy).fit(features[rows], targets)
    if any(warning.category is ConvergenceWarning for warning in caught):
        logger.warning("logistic regression stopped after %d iterations, before its optimum: lower C", MAX_ITER)
    return classifier


def _classifier(policy: LogisticPolicy | BoostingPolicy):
    if policy.kind == "logistic":
        return LogisticRegression(C=policy.C, max_iter=MAX_ITER)
    return HistGradientBoostingClassifier(
        max_iter=policy.trees, max_leaf_nodes=policy.max_leaf_nodes, learning_rate=policy.lr,
        early_stopping=False, random_state=policy.seed,
    )  # fmt: skip


def _predict(classifier, features: np.ndarray, num_classes: int) -> np.ndarray:
    """Return (N, C) probabilities; a class that the classifier never met has none."""
    probs = np.zeros((len(features), num_classes), dtype=np.float32)
    probs[:, classifier.classes_] = classifier.predict_proba(features)
    return probs

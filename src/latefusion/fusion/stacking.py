"""Stacking: logistic regression or gradient boosting on the experts' probabilities.

Wolpert, "Stacked Generalization", Neural Networks 1992. Other teams of the challenge fused their experts by stacking.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from latefusion.config import BoostingPolicy, LogisticPolicy
from latefusion.fusion.classifiers import CLASSIFIERS, Classifier
from latefusion.fusion.inputs import ALL, FusionInputs
from latefusion.utils.arrays import save_arrays
from latefusion.utils.errors import InputError


@dataclass(frozen=True)
class FittedStacking:
    """A classifier fitted on all validation products, and its out-of-fold probabilities."""

    inputs: FusionInputs[LogisticPolicy | BoostingPolicy]
    classifier: Classifier
    oof_probs: np.ndarray  # (N, C)

    @property
    def facts(self) -> dict:
        return {}

    def save(self, run_dir: Path) -> None:
        """Write the classifier to `model.safetensors`."""
        save_arrays(asdict(self.classifier), run_dir / "model.safetensors")

    def decide(self, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return (N,) class numbers and (N, C) probabilities for products, from their experts' (N, C) tables."""
        probs = _predict(self.classifier, self.inputs.features(ALL, tables), self.inputs.num_classes)
        return probs.argmax(axis=1), probs


def load_stacking(inputs: FusionInputs[LogisticPolicy | BoostingPolicy], run_dir: Path, facts: dict) -> FittedStacking:
    """Return the classifier that is in `run_dir`; `facts` is not used."""
    classifier = CLASSIFIERS[inputs.policy.kind](**load_file(run_dir / "model.safetensors"))
    return FittedStacking(inputs, classifier, inputs.tables[0])


def fit_stacking(inputs: FusionInputs[LogisticPolicy | BoostingPolicy]) -> FittedStacking:
    """Fit a classifier for each fold on the other folds, and one on all."""
    oof_probs = np.empty_like(inputs.tables[0])
    for fold in range(inputs.policy.n_folds):
        held_out = inputs.folds == fold
        features = inputs.features(fold)
        classifier = _fit(inputs, features, inputs.fit_rows(fold))
        oof_probs[held_out] = _predict(classifier, features[held_out], inputs.num_classes)
    return FittedStacking(inputs, _fit(inputs, inputs.features(ALL), inputs.fit_rows(ALL)), oof_probs)


def _fit(inputs: FusionInputs[LogisticPolicy | BoostingPolicy], features: np.ndarray, rows: np.ndarray) -> Classifier:
    targets = inputs.targets[rows]
    if len(np.unique(targets)) < 2:
        policy = inputs.policy
        raise InputError(
            f"policy of kind {policy.kind} on {', '.join(policy.experts)}: the labelled products outside one fold have "
            "a single class: use a rule such as product, or another split"
        )
    return CLASSIFIERS[inputs.policy.kind].fit(inputs.policy, features[rows], targets)


def _predict(classifier: Classifier, features: np.ndarray, num_classes: int) -> np.ndarray:
    """Return (N, C) probabilities; 0 for a class without training products."""
    probs = np.zeros((len(features), num_classes), dtype=np.float32)
    probs[:, classifier.classes] = classifier.predict_proba(features)
    return probs

"""Stacking: logistic or ridge regression or gradient boosting on the experts' probabilities.

Wolpert, "Stacked Generalization", Neural Networks 1992. Other teams of the challenge fused their experts by stacking;
ridge regression is the linear regression of Wirojwatanakul and Wangperawong 2019. Of several labels there is one
regression per class.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from safetensors.numpy import load_file

from latefusion.config import BoostingPolicy, LogisticPolicy, RidgePolicy
from latefusion.fusion.classifiers import CLASSIFIERS, Classifier
from latefusion.fusion.inputs import ALL, FusionInputs
from latefusion.metrics.decisions import decide
from latefusion.utils.arrays import save_arrays
from latefusion.utils.errors import InputError

Inputs: TypeAlias = FusionInputs[LogisticPolicy | RidgePolicy | BoostingPolicy]


@dataclass(frozen=True)
class FittedStacking:
    """A classifier fitted on all validation products, and its out-of-fold probabilities."""

    inputs: Inputs
    classifier: Classifier
    oof_probs: np.ndarray  # (N, C)

    @property
    def facts(self) -> dict:
        return {}

    def save(self, run_dir: Path) -> None:
        """Write the classifier to `model.safetensors`."""
        save_arrays(asdict(self.classifier), run_dir / "model.safetensors")

    def decide(self, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return the decisions and (N, C) probabilities for products, from their experts' (N, C) tables."""
        probs = _predict(self.classifier, self.inputs.features(ALL, tables), self.inputs.num_classes)
        return decide(probs, several=self.inputs.several), probs


def load_stacking(inputs: Inputs, run_dir: Path, facts: dict) -> FittedStacking:
    """Return the classifier that is in `run_dir`; `facts` is not used."""
    classifier = CLASSIFIERS[inputs.policy.kind](**load_file(run_dir / "model.safetensors"))
    return FittedStacking(inputs, classifier, inputs.tables[0])


def fit_stacking(inputs: Inputs) -> FittedStacking:
    """Fit a classifier for each fold on the other folds, and one on all."""
    oof_probs = np.empty_like(inputs.tables[0])
    for fold in range(inputs.policy.n_folds):
        held_out = inputs.folds == fold
        features = inputs.features(fold)
        classifier = _fit(inputs, features, inputs.fit_rows(fold))
        oof_probs[held_out] = _predict(classifier, features[held_out], inputs.num_classes)
    return FittedStacking(inputs, _fit(inputs, inputs.features(ALL), inputs.fit_rows(ALL)), oof_probs)


def _fit(inputs: Inputs, features: np.ndarray, rows: np.ndarray) -> Classifier:
    targets = inputs.targets[rows]
    if not len(rows) or (not inputs.several and len(np.unique(targets)) < 2):
        policy = inputs.policy
        raise InputError(
            f"policy of kind {policy.kind} on {', '.join(policy.experts)}: the labelled products outside one fold have "
            f"{'a single class' if len(rows) else 'no labels that count'}: use a rule such as product, or another split"
        )
    return CLASSIFIERS[inputs.policy.kind].fit(inputs.policy, features[rows], targets)


def _predict(classifier: Classifier, features: np.ndarray, num_classes: int) -> np.ndarray:
    """Return (N, C) probabilities; 0 for a class without training products."""
    probs = np.zeros((len(features), num_classes), dtype=np.float32)
    probs[:, classifier.classes] = classifier.predict_proba(features)
    return probs

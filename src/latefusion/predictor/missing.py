"""Products that lack an image or a text: the method without the experts that read it.

Such experts still give probabilities: of a white image, an empty text. A policy would trust them as it trusts those of
complete products. So for products without an image the policies are fitted once more, without image and joint experts,
on the same out-of-fold probabilities, and calibrated for themselves; likewise for products without any text.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from latefusion.config import Experiment
from latefusion.fusion.training import PolicyTrainer, save_policy
from latefusion.fusion.vote import combine
from latefusion.metrics.confidence import favour, fit_calibrations
from latefusion.metrics.decisions import is_right
from latefusion.metrics.label_thresholds import LabelThresholds
from latefusion.predictor.method import MethodSpec
from latefusion.scores.results import Results
from latefusion.tables.label_thresholds import decide_splits, learn_label_thresholds, thresholds_by_class

logger = logging.getLogger(__name__)
READERS = {"image": ("image", "joint"), "text": ("text", "joint")}  # the modalities of experts that read it


@dataclass(frozen=True)
class Reduced:
    """The method for products without an image, or without a text."""

    spec: MethodSpec
    experts: Mapping[str, tuple[str, ...]]  # those that are left of each policy


def folder_of(folder: Path, missing: str) -> Path:
    """Return the folder of the reduced method's policies in an exported model."""
    return folder / f"policies_without_{missing}"


def with_experts(experiment: Experiment, experts: Mapping[str, tuple[str, ...]]) -> Experiment:
    """Return the experiment with these policies alone, each with these experts."""
    policies = {name: experiment.policies[name].restricted(tuple(left)) for name, left in experts.items()}
    return experiment.model_copy(update={"policies": policies})


def fit_reduced(results: Results, spec: MethodSpec, missing: str, folder: Path) -> Reduced | None:
    """Fit the method without the experts that read what is missing, and write its policies to `folder`.

    None if no expert is left, or if none reads it: then the method itself is used.
    """
    experiment, dataset = results.experiment, results.dataset
    left = {
        name: tuple(
            expert
            for expert in experiment.policies[name].experts
            if experiment.modality(expert) not in READERS[missing]
        )
        for name in spec.policies
    }
    left = {name: experts for name, experts in left.items() if experts}
    if not left or all(experts == experiment.policies[name].experts for name, experts in left.items()):
        return None
    trainer = PolicyTrainer(with_experts(experiment, left), dataset, left)
    probs, own = [], []
    for name in left:
        fitted = trainer.fit(name)
        probs.append(getattr(fitted, "selected_probs", fitted.oof_probs))  # as confident as on new products
        preds, thresholds = _decide(results, probs[-1])
        own.append(preds)
        save_policy(fitted, folder_of(folder, missing) / name, thresholds_by_class(dataset, thresholds))
    summed = np.sum(probs, axis=0, dtype=np.float64)
    preds, mean = combine(np.stack(own), summed, soft=spec.soft)
    thresholds = None
    if spec.soft and dataset.several:
        preds, thresholds = _decide(results, mean)
    learnt = dataset.fusion_split
    targets, folds = results.targets[learnt], dataset.selection_folds()
    calibration = fit_calibrations(favour(mean, preds), preds, targets, folds).final
    known = results.known(learnt)
    right = is_right(targets[known], preds[known]).mean()
    logger.info("products without %s: %s; %.1f %% right on %s", missing, _describe(left), 100 * right, learnt)
    final = None if thresholds is None else tuple(thresholds.final.tolist())
    return Reduced(replace(spec, policies=tuple(left), calibration=calibration, label_thresholds=final), left)


def _decide(results: Results, probs: np.ndarray) -> tuple[np.ndarray, LabelThresholds | None]:
    """Return the decisions for (N, C) probabilities of the products of `fusion_split`, out of fold; the thresholds."""
    dataset, learnt = results.dataset, results.dataset.fusion_split
    thresholds = learn_label_thresholds(results.experiment, dataset, probs)
    return decide_splits(dataset, {learnt: probs}, thresholds)[learnt], thresholds


def _describe(experts: dict[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{policy} of {', '.join(names)}" for policy, names in experts.items())

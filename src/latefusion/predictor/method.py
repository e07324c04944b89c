"""The submitted method outside of its experiment: from the probabilities of experts to calibrated decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latefusion.config import Experiment
from latefusion.fusion.kinds import FittedPolicy
from latefusion.fusion.training import decide, load_policy
from latefusion.fusion.vote import combine
from latefusion.metrics.confidence import Calibration, favour
from latefusion.scores.results import SOFT_VOTE, Method, Results


@dataclass(frozen=True)
class MethodSpec:
    """What a method is made of: an expert, or one or more policies, of which several vote."""

    name: str
    expert: str | None  # a method that is an expert alone
    policies: tuple[str, ...]
    soft: bool  # the class of highest mean probability, instead of a majority vote
    calibration: Calibration

    def experts(self, experiment: Experiment) -> tuple[str, ...]:
        """Return the names of all experts that the method needs."""
        if self.expert is not None:
            return (self.expert,)
        return tuple(dict.fromkeys(name for policy in self.policies for name in experiment.policies[policy].experts))


def spec_of(results: Results, method: Method, calibration: Calibration) -> MethodSpec:
    """Return what a finished method is made of."""
    is_expert = method in results.experts
    policies = () if is_expert else results.members(method) if method.kind == "vote" else (method.name,)
    return MethodSpec(
        name=method.name,
        expert=method.name if is_expert else None,
        policies=tuple(policies),
        soft=method.name == SOFT_VOTE,
        calibration=calibration,
    )


class FinalMethod:
    """A method that is read from an exported model."""

    def __init__(self, spec: MethodSpec, experiment: Experiment, num_classes: int, folder: Path):
        """Read the policies from the subfolders of `folder`."""
        self.spec, self.experiment = spec, experiment
        self.policies: dict[str, FittedPolicy] = {
            name: load_policy(experiment.policies[name], num_classes, folder / name) for name in spec.policies
        }

    def decide(self, tables: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return (N,) class numbers and calibrated (N, C) probabilities from the experts' (N, C) probabilities."""
        if not len(next(iter(tables.values()))):
            return np.empty(0, dtype=np.int64), next(iter(tables.values()))
        preds, probs = self._decide(tables)
        return preds, self.spec.calibration.apply(favour(probs, preds))

    def _decide(self, tables: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        if self.spec.expert is not None:
            probs = tables[self.spec.expert]
            return probs.argmax(axis=1), probs
        decided = [
            decide(policy, tuple(tables[expert] for expert in self.experiment.policies[name].experts))
            for name, policy in self.policies.items()
        ]
        preds, probs = zip(*decided, strict=True)
        return combine(np.stack(preds), np.sum(probs, axis=0, dtype=np.float64), soft=self.spec.soft)

"""The kinds of policies: a row for each, with the functions that serve it.

To add a kind: a config class (`latefusion.config.fusion`), a module whose function fits it, and a row here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from latefusion.fusion.inputs import FusionInputs
from latefusion.fusion.networks import fit_networks, stacks
from latefusion.fusion.rules import fit_rule
from latefusion.fusion.stacking import fit_stacking


class FittedPolicy(Protocol):
    """What a policy of any kind has learnt."""

    inputs: FusionInputs
    oof_probs: np.ndarray  # (N_valid, C), each product's by what was learnt on other folds
    facts: dict  # for metrics.json

    def decide(self, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return (N,) class numbers and (N, C) probabilities of products by their experts' (N, C) probabilities."""

    def save(self, run_dir: Path) -> None:
        """Write what was learnt, beyond `facts`, into the policy's run folder."""


@dataclass(frozen=True)
class PolicyKind:
    """How policies of one kind are fitted: those of a group together, by default each alone."""

    fit: Callable[[list[FusionInputs]], list[FittedPolicy]]  # of one group
    groups: Callable[[dict[str, FusionInputs]], list[list[str]]] = lambda policies: [[name] for name in policies]


def _each(fit: Callable[[FusionInputs], FittedPolicy]) -> Callable[[list[FusionInputs]], list[FittedPolicy]]:
    return lambda policies: [fit(inputs) for inputs in policies]


POLICIES = {
    "network": PolicyKind(fit_networks, stacks),
    "mean": PolicyKind(_each(fit_rule)),
    "weighted_mean": PolicyKind(_each(fit_rule)),
    "max": PolicyKind(_each(fit_rule)),
    "product": PolicyKind(_each(fit_rule)),
    "logistic": PolicyKind(_each(fit_stacking)),
    "boosting": PolicyKind(_each(fit_stacking)),
}

"""Training that has diverged is stopped before anything is kept of it: no checkpoint, weights or probabilities."""

from dataclasses import dataclass

import numpy as np
import torch

from latefusion.config import Training
from latefusion.utils.errors import InputError


@dataclass(frozen=True)
class Divergence:
    """Refuse what is not finite by an InputError with the epoch, counted from 1, and the settings to change.

    All processes call the same methods with the same values, and so stop together.
    """

    name: str  # what messages begin with
    section: str  # where the config has `training`
    training: Training
    precision: str

    def check_training(self, losses: dict[str, float], model: torch.nn.Module, epoch: int) -> None:
        """Refuse losses, or sums of them, that are not finite, and weights that the latest step has made so."""
        for key, value in losses.items():
            if not np.isfinite(value):
                self._refuse(f"the {key} is {value} in epoch {epoch}")
        finite = torch.stack([torch.isfinite(parameter).all() for parameter in model.parameters()])
        if not finite.all():  # the device is waited for once
            self._refuse(f"the weights are not finite in epoch {epoch}")

    def check_probs(self, probs: np.ndarray, epoch: int) -> None:
        """Refuse (N, C) validation probabilities of which any is not finite."""
        if broken := count_broken(probs):
            self._refuse(f"the probabilities of {broken} of {len(probs)} validation products are nan in epoch {epoch}")

    def _refuse(self, problem: str) -> None:
        advice = f"lower {self.section}.lr ({self.training.lr:g})"
        if self.training.warmup_fraction == 0:
            advice += f", or begin with small steps ({self.section}.warmup_fraction=0.1)"
        if self.precision == "fp16":
            advice += ", or leave fp16 (hardware.mixed_precision)"
        raise InputError(f"{self.name}: {problem}: {advice}")


def count_broken(probs: np.ndarray) -> int:
    """Return how many rows of (N, C) probabilities are not finite."""
    return int((~np.isfinite(probs).all(axis=1)).sum())

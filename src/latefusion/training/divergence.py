"""Stop a training run that diverges, before any checkpoint, weights or probabilities of it are written."""

from dataclasses import dataclass

import numpy as np
import torch

from latefusion.config import Training
from latefusion.utils.errors import InputError


@dataclass(frozen=True)
class Divergence:
    """Checks for values that are not finite. Errors name the epoch (counted from 1) and the settings to change.

    All processes call the same methods with the same values, so all stop together.
    """

    name: str  # of the run: messages begin with it
    section: str  # the config key of `training`
    training: Training
    precision: str

    def check_training(self, losses: dict[str, float], model: torch.nn.Module, epoch: int) -> None:
        """Raise InputError if a loss (or sum of losses) or a weight is not finite."""
        for key, value in losses.items():
            if not np.isfinite(value):
                self._refuse(f"the {key} is {value} in epoch {epoch}")
        finite = torch.stack([torch.isfinite(parameter).all() for parameter in model.parameters()])
        if not finite.all():  # one synchronisation with the device for all parameters
            self._refuse(f"the weights are not finite in epoch {epoch}")

    def check_probs(self, probs: np.ndarray, epoch: int) -> None:
        """Raise InputError if any of the (N, C) validation probabilities is not finite."""
        if broken := count_broken(probs):
            self._refuse(f"the probabilities of {broken} of {len(probs)} validation products are nan in epoch {epoch}")

    def _refuse(self, problem: str) -> None:
        advice = f"lower {self.section}.lr ({self.training.lr:g})"
        if self.training.warmup_fraction == 0:
            advice += f", or warm up ({self.section}.warmup_fraction=0.1)"
        if self.precision == "fp16":
            advice += ", or use another precision than fp16 (hardware.mixed_precision)"
        raise InputError(f"{self.name}: {problem}: {advice}")


def count_broken(probs: np.ndarray) -> int:
    """Return how many rows of (N, C) probabilities are not finite."""
    return int((~np.isfinite(probs).all(axis=1)).sum())

"""What a network learns: one label per product, or several; the loss of its logits, and their probabilities."""

from dataclasses import dataclass
from math import log
from typing import Protocol

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from latefusion.config import Training


class Objective(Protocol):
    """The loss and the probabilities of (B, C) logits."""

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the mean loss over the batch, for labels as `metrics.decisions` describes them: (B,) or (B, C)."""

    def row_losses(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the loss of each row (...) of logits (..., C), whose mean over a batch `loss` is."""

    def probs(self, logits: torch.Tensor) -> torch.Tensor:
        """Return (B, C) float32 probabilities."""


@dataclass(frozen=True)
class OneLabel:
    """Softmax and cross-entropy."""

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return cross_entropy(logits, labels)

    def row_losses(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        losses = cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="none")
        return losses.view(labels.shape)

    def probs(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.float().softmax(dim=-1)


@dataclass(frozen=True)
class SeveralLabels:
    """A sigmoid per class, and the mean over classes of the weighted sigmoid cross-entropy of Zahavy et al. (2016).

    Of a logit x and a target z it is -q z log(sigmoid(x)) - (1 - z) log(1 - sigmoid(x)), with the positive weight q. It
    is least at x = logit(p) + log(q) for a label of probability p, so log(q) is subtracted for the probabilities. The
    order of a product's classes stays the same.
    """

    positive_weight: float = 1.0

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self._loss(logits, labels, "mean")

    def row_losses(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self._loss(logits, labels, "none").mean(dim=-1)

    def _loss(self, logits: torch.Tensor, labels: torch.Tensor, reduction: str) -> torch.Tensor:
        weight = torch.tensor(self.positive_weight, device=logits.device)
        return binary_cross_entropy_with_logits(logits.float(), labels.float(), pos_weight=weight, reduction=reduction)

    def probs(self, logits: torch.Tensor) -> torch.Tensor:
        return (logits.float() - log(self.positive_weight)).sigmoid()


ONE_LABEL = OneLabel()


def make_objective(training: Training, *, several: bool) -> Objective:
    """Return the objective of a network with these settings, for products with one label or several."""
    return SeveralLabels(training.positive_weight) if several else ONE_LABEL


def outputs(objective: Objective, logits: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
    """Return what a network returns: its `logits`, with labels the `loss`, without them the `probs`."""
    if labels is None:
        return {"logits": logits, "probs": objective.probs(logits)}
    return {"logits": logits, "loss": objective.loss(logits, labels)}

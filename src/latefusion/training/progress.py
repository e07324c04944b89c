"""The progress of a training run: steps, epochs, summed losses and the best epoch."""

import math
from dataclasses import dataclass, field

import torch
from accelerate import Accelerator


@dataclass(frozen=True)
class Step:
    """One optimizer step. `losses`: this process's contribution; the sum over processes is the batch mean."""

    losses: dict[str, torch.Tensor]
    items: int  # rows of the global batch, over all processes
    share: float  # share of the batch that this process computed, 0 to 1
    lr: float  # by the schedule; a group's learning rate is its lr_factor times this


@dataclass
class Progress:
    """The progress of a training run; every checkpoint stores it as `progress.json`."""

    epoch: int = 0  # epochs finished
    batch: int = 0  # batches done in the current epoch
    step: int = 0  # batches done in total
    sums: dict[str, float | torch.Tensor] = field(default_factory=dict)  # summed over the items of the current epoch
    items: int = 0  # done in the current epoch, over all processes
    best_epoch: int = 0
    best_score: float = -math.inf
    history: list[dict] = field(default_factory=list)  # one record per finished epoch
    precision: str | None = None  # the mixed precision that the run last used

    def add(self, step: Step) -> None:
        """Add a step; its losses stay on the device."""
        for key, loss in step.losses.items():
            self.sums[key] = self.sums.get(key, 0.0) + loss * step.items
        self.items += step.items
        self.batch += 1
        self.step += 1

    def close_epoch(self, record: dict, score: float | None) -> bool:
        """Add an epoch's record; return whether the epoch is the best so far: without a score, every epoch is."""
        self.epoch += 1
        self.batch, self.items, self.sums = 0, 0, {}
        self.history.append({"epoch": self.epoch, "step": self.step} | record)
        better = score is None or score > self.best_score
        if better:
            self.best_epoch = self.epoch
            self.best_score = -math.inf if score is None else score
        return better

    def summed(self, accelerator: Accelerator) -> dict[str, float]:
        """Return `sums` over all processes; all of them must call this."""
        return {
            key: accelerator.reduce(torch.as_tensor(value, device=accelerator.device), "sum").item()
            for key, value in self.sums.items()
        }

"""How far a training run has come, step by step and epoch by epoch."""

import math
from dataclasses import dataclass, field

import torch
from accelerate import Accelerator


@dataclass(frozen=True)
class Step:
    """What a step was; its losses are this process's shares of the batch's means, which all processes' sum to."""

    losses: dict[str, torch.Tensor]
    items: int  # of the whole batch
    share: float  # of the batch that was this process's
    lr: float


@dataclass
class Progress:
    """Where a training run stands."""

    epoch: int = 0  # epochs finished
    batch: int = 0  # batches done of the epoch under way
    step: int = 0  # batches done in all
    sums: dict[str, float | torch.Tensor] = field(default_factory=dict)  # of the epoch under way: losses over all items
    items: int = 0  # ... and how many items these are, of all processes
    best_epoch: int = 0
    best_macro_f1: float = -math.inf
    history: list[dict] = field(default_factory=list)  # a record of each finished epoch
    precision: str | None = None  # that the latest step was computed in

    def add(self, step: Step) -> None:
        """Count a step; its losses are left on the device."""
        for key, loss in step.losses.items():
            self.sums[key] = self.sums.get(key, 0.0) + loss * step.items
        self.items += step.items
        self.batch += 1
        self.step += 1

    def close_epoch(self, record: dict) -> bool:
        """Add an epoch's record; return whether it is the best so far (without validation the latest always is)."""
        self.epoch += 1
        self.batch, self.items, self.sums = 0, 0, {}
        self.history.append({"epoch": self.epoch, "step": self.step} | record)
        score = record.get("valid_macro_f1")
        better = score is None or score > self.best_macro_f1
        if better:
            self.best_epoch = self.epoch
            self.best_macro_f1 = -math.inf if score is None else score
        return better

    def summed(self, accelerator: Accelerator) -> dict[str, float]:
        """Return `sums` over all processes, which call this together."""
        return {
            key: accelerator.reduce(torch.as_tensor(value, device=accelerator.device), "sum").item()
            for key, value in self.sums.items()
        }

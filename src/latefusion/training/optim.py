"""Optimizer and learning-rate schedule of a `train` section."""

from collections.abc import Callable

from torch.optim import SGD, AdamW, Optimizer

from latefusion.config import Training


def make_optimizer(param_groups: list[dict], training: Training) -> Optimizer:
    """Return the fused optimizer; a group's `lr_factor` multiplies the learning rate, and is kept in the group."""
    factors = [group.get("lr_factor", 1.0) for group in param_groups]
    groups = [
        {"params": group["params"], "lr": training.lr * factor, "lr_factor": factor}
        for group, factor in zip(param_groups, factors, strict=True)
    ]
    shared = {"lr": training.lr, "weight_decay": training.weight_decay, "fused": True}
    if training.optimizer == "adamw":
        return AdamW(groups, **shared)
    return SGD(groups, momentum=training.momentum, **shared)


def lr_factor(training: Training, steps_per_epoch: int) -> Callable[[int], float]:
    """Return the learning-rate factor as a function of the step: linear warm-up, then linear or step decay."""
    total = training.epochs * steps_per_epoch
    warmup = round(training.warmup_fraction * total)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        if training.schedule == "linear":
            return max(0.0, (total - step) / max(1, total - warmup))
        return training.decay_rate ** (step // steps_per_epoch // training.decay_every)

    return factor

"""How networks are trained, and on what."""

from typing import Literal

from pydantic import Field

from latefusion.config.section import Fraction, Section


class Training(Section):
    """How the one loop trains a network. `batch_size` is global: processes share it out among themselves."""

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    lr: float = Field(gt=0)
    optimizer: Literal["adamw", "sgd"]
    weight_decay: float = Field(0.0, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1)  # sgd only
    schedule: Literal["linear", "step"]
    warmup_fraction: Fraction = 0.0  # of all steps, both schedules
    decay_every: int = Field(12, ge=1)  # step only: epochs
    decay_rate: float = Field(0.1, gt=0, le=1)  # step only
    keep_last: int = Field(0, ge=0)  # weights of the last k epochs, for experts of kind `late`
    seed: int = 2020


class TextTraining(Training):
    """AdamW with linear decay after warm-up, no weight decay: the best published checkpoint's settings."""

    epochs: int = Field(30, ge=1)
    batch_size: int = Field(128, ge=1)
    lr: float = Field(5e-5, gt=0)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    schedule: Literal["linear", "step"] = "linear"
    warmup_fraction: Fraction = 0.1


class ImageTraining(Training):
    """SGD, x0.1 every 12 epochs (paper; the published code's default is 10)."""

    epochs: int = Field(60, ge=1)
    batch_size: int = Field(128, ge=1)
    lr: float = Field(0.01, gt=0)
    optimizer: Literal["adamw", "sgd"] = "sgd"
    schedule: Literal["linear", "step"] = "step"


class DclTraining(ImageTraining):
    """The second stage: fewer epochs, and a batch whose images each come twice (original and destroyed)."""

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(32, ge=1)


class Hardware(Section):
    """How to run, not what: changing it redoes nothing."""

    num_workers: int | None = Field(
        None, ge=0
    )  # loader processes; a process's; none given: two fewer than its cores, at most 8
    mixed_precision: Literal["auto", "no", "bf16", "fp16"] = "auto"  # auto: bf16 where the GPU has it

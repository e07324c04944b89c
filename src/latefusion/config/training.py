"""How networks are trained, and on what."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from latefusion.config.section import Fraction, NoneWord, NoWord, Section, Seed


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
    group_by_length: bool = True  # batches of items about equally long, where lengths differ; which meet stays random
    gradient_accumulation_steps: int = Field(1, ge=1)  # parts of a batch, one after another: less memory, the same step
    seed: Seed = 2020

    @model_validator(mode="after")
    def _parts_are_no_more_than_items(self) -> "Training":
        if self.gradient_accumulation_steps > self.batch_size:
            steps = self.gradient_accumulation_steps
            raise ValueError(f"gradient_accumulation_steps {steps} is more than batch_size {self.batch_size}")
        return self


class TextTraining(Training):
    """AdamW with linear decay after warm-up, no weight decay: the best published checkpoint's settings."""

    epochs: int = Field(30, ge=1)
    batch_size: int = Field(128, ge=1)
    lr: float = Field(5e-5, gt=0)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    schedule: Literal["linear", "step"] = "linear"
    warmup_fraction: Fraction = 0.1
    gradient_checkpointing: bool = False  # activations computed twice: less memory again, a third slower


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


class HeadTraining(Training):
    """A small head on features that stay as they are: minutes, where the networks below it took hours."""

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(128, ge=1)
    lr: float = Field(1e-3, gt=0)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    schedule: Literal["linear", "step"] = "linear"
    warmup_fraction: Fraction = 0.1


class Hardware(Section):
    """How to run, not what: changing it redoes nothing."""

    # Loader processes of each training process; none given: two fewer than its cores, at most 8.
    num_workers: Annotated[int | None, NoneWord] = Field(None, ge=0, le=1024)
    # auto: bf16 where the hardware computes in it
    mixed_precision: Annotated[Literal["auto", "no", "bf16", "fp16"], NoWord] = "auto"
    compile: bool = False  # torch.compile: a minute or two at the start of each expert, faster steps after
    checkpoint_every: int = Field(500, ge=1)  # steps; each epoch's end is one too

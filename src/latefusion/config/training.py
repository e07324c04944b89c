"""Config sections about training, and about the hardware."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from latefusion.config.section import Fraction, NoneWord, NoWord, Section, Seed


def _refuse_number(value: object) -> object:
    if isinstance(value, int):
        raise ValueError("should be best or last; the number of epochs is the key `epochs`")
    return value


class Training(Section):
    """Settings of the training loop. `batch_size` is global: each batch is divided among all processes."""

    epochs: int = Field(ge=1)  # passes over the training products
    batch_size: int = Field(ge=1)  # products of an optimizer step, over all processes
    lr: float = Field(gt=0)  # the highest learning rate of the schedule
    optimizer: Literal["adamw", "sgd"]  # the update rule; sgd has momentum
    weight_decay: float = Field(0.0, ge=0)  # as in torch.optim
    momentum: float = Field(0.9, ge=0, lt=1)  # sgd only
    schedule: Literal["linear", "step"]  # linear: the rate falls to 0; step: it is multiplied every few epochs
    warmup_fraction: Fraction = 0.0  # of all optimizer steps, for both schedules
    decay_every: int = Field(12, ge=1)  # schedule step only: in epochs
    decay_rate: float = Field(0.1, gt=0, le=1)  # schedule step only
    # best: the epoch with the highest score on the validation products (`metric`). last: the last epoch, so that their
    # labels have no influence on the network. Networks that are trained without validation products (denoising) always
    # use the last.
    epoch: Annotated[Literal["best", "last"], BeforeValidator(_refuse_number)] = "best"
    keep_last: int = Field(0, ge=0)  # keep the weights of the last k epochs, for experts of kind `late`
    # Products with several labels only: q of the weighted sigmoid cross-entropy, the weight of a label that a product
    # has against one that it has not (`training.objective`). 30 in Zahavy et al.
    positive_weight: float = Field(1.0, gt=0)
    group_by_length: bool = True  # put texts of similar length into the same batch, otherwise at random
    gradient_accumulation_steps: int = Field(1, ge=1)  # micro-batches per batch: less memory, the same optimizer step
    seed: Seed = 2020  # of random weights, order, augmentation and dropout

    @model_validator(mode="after")
    def _check_micro_batches(self) -> "Training":
        if self.gradient_accumulation_steps > self.batch_size:
            steps = self.gradient_accumulation_steps
            raise ValueError(f"gradient_accumulation_steps {steps} is larger than batch_size {self.batch_size}")
        return self


class BackboneTraining(Training):
    """Settings of networks with a pretrained backbone: which of its layers are trained, and how fast."""

    # all; head: the class heads, and what the network has above its last layer (a pooler); a number: these and the last
    # n layers of an encoder, or groups of a timm model (mostly blocks). Embeddings and the stem of a CNN are trained
    # with `all` only. Frozen layers compute as in evaluation: no dropout, fixed statistics of batch normalisation.
    # Of VGG, the last two layers are the fully connected ones; of ResNet50, 3 layers are the last stage.
    trainable: Literal["all", "head"] | Annotated[int, Field(ge=1, strict=True)] = "all"
    # The learning rate of a layer is multiplied by layer_decay ** d; d, its distance from the heads, is 1 for the last.
    layer_decay: float = Field(1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _check_layers(self) -> "BackboneTraining":
        if self.trainable == "head" and self.layer_decay < 1:
            raise ValueError("layer_decay has no effect with trainable: head, because no layer is trained")
        return self

    def require_pretrained(self, is_pretrained: bool, advice: str) -> None:
        """Raise ValueError, with advice, if layers of a network without pretrained weights would be frozen."""
        if self.trainable != "all" and not is_pretrained:
            raise ValueError(f"train.trainable {self.trainable}: the frozen layers would be random; {advice}")


class TextTraining(BackboneTraining):
    """AdamW with linear decay after warm-up, no weight decay: the settings of the best published checkpoint."""

    epochs: int = Field(30, ge=1)
    batch_size: int = Field(128, ge=1)
    lr: float = Field(5e-5, gt=0)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    schedule: Literal["linear", "step"] = "linear"
    warmup_fraction: Fraction = 0.1
    gradient_checkpointing: bool = False  # recompute activations in the backward pass: less memory, a third slower


class TextCnnTraining(Training):
    """Adam, as in Wirojwatanakul and Wangperawong (2019); AdamW without weight decay is Adam."""

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(64, ge=1)
    lr: float = Field(1e-3, gt=0)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    schedule: Literal["linear", "step"] = "linear"
    warmup_fraction: Fraction = 0.1


class ImageTraining(BackboneTraining):
    """SGD, learning rate x0.1 every 12 epochs (paper; the published code's default is 10)."""

    epochs: int = Field(60, ge=1)
    batch_size: int = Field(128, ge=1)
    lr: float = Field(0.01, gt=0)
    optimizer: Literal["adamw", "sgd"] = "sgd"
    schedule: Literal["linear", "step"] = "step"


class DclTraining(ImageTraining):
    """Stage 2: fewer epochs; each image is in the batch twice (original and destroyed)."""

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(32, ge=1)


class HeadTraining(Training):
    """A small head on frozen features: takes minutes; the networks took hours."""

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(128, ge=1)
    lr: float = Field(1e-3, gt=0)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    schedule: Literal["linear", "step"] = "linear"
    warmup_fraction: Fraction = 0.1


class Hardware(Section):
    """Settings that do not define the result, so that changing them makes no job stale."""

    # Data loader processes per training process; none: the number of cores minus two, at most 8.
    num_workers: Annotated[int | None, NoneWord] = Field(None, ge=0, le=1024)
    # auto: bf16 if the hardware supports it, otherwise fp32
    mixed_precision: Annotated[Literal["auto", "no", "bf16", "fp16"], NoWord] = "auto"
    compile: bool = False  # torch.compile: one or two minutes at the start of each expert, then faster steps
    checkpoint_every: int = Field(500, ge=1)  # optimizer steps; a checkpoint is written at the end of each epoch too
    # Seconds without a sign of life after which another process of the same training counts as lost, and all end.
    lost_after: int = Field(60, ge=5, le=86400)
    # Where losses and scores of networks are written while they train, to be seen as curves: tensorboard, in the run
    # folders; wandb and mlflow, which must be installed and set up (docs/running.md). []: in log.jsonl alone.
    trackers: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = ("tensorboard",)

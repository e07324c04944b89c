"""Experts that read images."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from latefusion.config.experts.base import ExpertConfig, Experts, must_exist
from latefusion.config.section import Name, Section
from latefusion.config.training import DclTraining, ImageTraining

# What the expert itself gives to timm.create_model, or what would put weights of unknown origin into the network.
OWN_MODEL_ARGS = ("model_name", "num_classes", "in_chans", "global_pool", "checkpoint_path", "features_only")
MAX_CHAIN = 100  # experts that start from one another


class ImageInput(Section):
    """Pixels: every image is resized to a square of `resize`, of which the network sees a square of `crop`."""

    resize: int = Field(256, ge=8, le=10_000)
    crop: int = Field(224, ge=8)
    rotate: float = Field(15.0, ge=0, le=180)  # degrees either way, training only
    flip: bool = True  # horizontally, training only

    @model_validator(mode="after")
    def _crop_fits(self) -> "ImageInput":
        if self.crop > self.resize:
            raise ValueError(f"crop {self.crop} is larger than resize {self.resize}")
        return self


class ImageExpert(ExpertConfig):
    """A network on single images, its own or, with `start_from`, that of a `cnn` expert."""

    modality: ClassVar = "image"
    reads_pixels: ClassVar = True

    @property
    def image_input(self) -> ImageInput:
        return self.image

    def sources(self, experts: Experts) -> tuple[str, ...]:
        return () if self.start_from is None else (self.start_from,)

    def check(self, key: str, experts: Experts) -> None:
        expert, passed = self, []
        while expert.start_from is not None:
            must_exist(f"{key}.start_from", expert.start_from, experts)
            if expert.start_from in passed:
                circle = " -> ".join([*passed, expert.start_from])
                raise ValueError(f"{key}.start_from: {circle} goes round in a circle")
            if len(passed) == MAX_CHAIN:
                raise ValueError(f"{key}.start_from: more than {MAX_CHAIN} experts start from one another")
            passed.append(expert.start_from)
            expert = experts[expert.start_from]
            if not isinstance(expert, CnnExpert):
                raise ValueError(f"{key}.start_from: '{passed[-1]}' is not of kind cnn")


class CnnExpert(ImageExpert):
    """Any timm network; name the tag of pretrained weights (`resnet152.tv_in1k`), the bare name is another recipe.

    With `start_from`, the network of another `cnn` expert goes on: larger images, other products, plain fine-tuning.
    """

    step: ClassVar = "image"

    kind: Literal["cnn"] = "cnn"
    model: str | None = None
    start_from: Name | None = None
    pretrained: bool = True
    model_args: dict[str, int | float | str | bool | tuple[int, ...]] = Field({})  # timm.create_model's own arguments
    image: ImageInput = ImageInput()
    train_on: Literal["all", "clean"] = "all"  # clean: without the label issues that denoising removed
    train: ImageTraining = ImageTraining()

    @model_validator(mode="after")
    def _one_origin(self) -> "CnnExpert":
        if (self.model is None) == (self.start_from is None):
            raise ValueError("give either model (a timm network) or start_from (a cnn expert that goes on), not both")
        inherited = sorted({"pretrained", "model_args"} & self.model_fields_set)
        if self.start_from is not None and inherited:
            raise ValueError(f"{', '.join(inherited)}: the network is that of start_from '{self.start_from}'")
        return self

    @model_validator(mode="after")
    def _model_args_are_the_users(self) -> "CnnExpert":
        taken = [key for key in self.model_args if key in OWN_MODEL_ARGS or key.startswith("pretrained")]
        if taken:
            raise ValueError(f"model_args: {', '.join(taken)} cannot be given here, the expert needs its own")
        return self

    @property
    def pretrained_model(self) -> str | None:
        return self.model if self.pretrained else None


class DclExpert(ImageExpert):
    """Destruction and construction learning (Chen et al., CVPR 2019), continuing from a `cnn` expert."""

    step: ClassVar = "dcl"

    kind: Literal["dcl"]
    start_from: Name
    image: ImageInput = ImageInput(resize=512, crop=448)
    grid: int = Field(7, ge=2)
    neighbourhood: int = Field(2, ge=1)  # tiles (and rows of tiles) shuffled together; 1: no destruction
    location_targets: Literal["exact", "nearest_mean"] = (
        "exact"  # nearest_mean: the released code's guess by mean colour
    )
    adversarial: Literal["cls_2", "cls_mul"] = "cls_2"
    adv_weight: float = Field(1.0, ge=0)
    loc_weight: float = Field(1.0, ge=0)  # 0.01 in the authors' car and aircraft runs
    head_lr_factor: float = Field(10.0, gt=0)
    train_on: Literal["all", "clean"] = "all"
    train: DclTraining = DclTraining()

    @model_validator(mode="after")
    def _grid_fits(self) -> "DclExpert":
        if self.image.crop % self.grid:
            raise ValueError(f"grid {self.grid} does not divide crop {self.image.crop}")
        if self.neighbourhood > self.grid:
            raise ValueError(f"neighbourhood {self.neighbourhood} is more than the {self.grid} tiles of a row")
        return self

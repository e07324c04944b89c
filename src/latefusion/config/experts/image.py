"""Experts that read images: `cnn` (any timm network) and `dcl` (destruction and construction learning)."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from latefusion.config.experts.base import ExpertConfig, Experts
from latefusion.config.images import ImageInput
from latefusion.config.section import Name
from latefusion.config.training import DclTraining, ImageTraining

# Arguments of timm.create_model that are not allowed in `model_args`: the expert sets them itself (`num_classes`, ...),
# or they would load weights from an unknown source (`checkpoint_path`).
OWN_MODEL_ARGS = ("model_name", "num_classes", "in_chans", "global_pool", "checkpoint_path", "features_only")
MAX_CHAIN = 100  # experts in a chain of `start_from`


def _check_model_args(model_args: dict) -> dict:
    reserved = [key for key in model_args if key in OWN_MODEL_ARGS or key.startswith("pretrained")]
    if reserved:
        raise ValueError(f"{', '.join(reserved)} cannot be given here: the expert sets them itself")
    return model_args


ModelArgs = Annotated[dict[str, int | float | str | bool | tuple[int, ...]], AfterValidator(_check_model_args)]


class ImageExpert(ExpertConfig):
    """A network that reads one image per product: its own or, with `start_from`, the network of a `cnn` expert."""

    modality: ClassVar = "image"
    reads_pixels: ClassVar = True
    joins: ClassVar = ("frozen", "end_to_end")
    if TYPE_CHECKING:  # each subclass has its own fields
        image: ImageInput
        start_from: str | None
        train_on: str

    @property
    def image_input(self) -> ImageInput:
        return self.image

    @property
    def named(self) -> dict[str, str]:
        return {} if self.start_from is None else {"start_from": self.start_from}

    def sources(self, experts: Experts) -> tuple[str, ...]:
        return () if self.start_from is None else (self.start_from,)

    def check(self, key: str, experts: Experts) -> None:
        expert: ImageExpert = self
        passed: list[str] = []
        while expert.start_from is not None:
            if expert.start_from in passed:
                circle = " -> ".join([*passed, expert.start_from])
                raise ValueError(f"{key}.start_from: a cycle: {circle}")
            if len(passed) == MAX_CHAIN:
                raise ValueError(f"{key}.start_from: a chain of more than {MAX_CHAIN} experts")
            passed.append(expert.start_from)
            source = experts[expert.start_from]
            if not isinstance(source, CnnExpert):
                raise ValueError(f"{key}.start_from: '{passed[-1]}' is not of kind cnn")
            expert = source


class CnnExpert(ImageExpert):
    """Any timm network. Give `model` with the tag of the pretrained weights (`resnet152.tv_in1k`).

    Without a tag timm takes its default weights, which are from another training recipe. With `start_from` instead of
    `model`, training continues from another `cnn` expert: on larger images, on other products, plain fine-tuning.
    """

    step: ClassVar = "image"

    kind: Literal["cnn"] = "cnn"
    model: str | None = None  # a timm network, with the tag of its weights; or give start_from
    start_from: Name | None = None  # a cnn expert whose trained network is trained on
    pretrained: bool = True  # start from the weights of the tag; false: from random weights
    model_args: ModelArgs = Field({})  # timm.create_model's own arguments
    image: ImageInput = ImageInput()
    train_on: Literal["all", "clean"] = "all"  # clean: without the label issues that denoising removed
    head_lr_factor: float = Field(1.0, gt=0)  # learning rate of the class head / lr
    train: ImageTraining = ImageTraining()

    @model_validator(mode="after")
    def _one_origin(self) -> "CnnExpert":
        if (self.model is None) == (self.start_from is None):
            raise ValueError("give either model (a timm network) or start_from (a cnn expert to continue), not both")
        inherited = sorted({"pretrained", "model_args"} & self.model_fields_set)
        if self.start_from is not None and inherited:
            raise ValueError(
                f"{', '.join(inherited)}: not allowed with start_from: the network is that of '{self.start_from}'"
            )
        return self

    @model_validator(mode="after")
    def _check_frozen_layers(self) -> "CnnExpert":
        self.train.require_pretrained(self.pretrained or self.start_from is not None, "set pretrained to true")
        return self

    @property
    def pretrained_model(self) -> str | None:
        return self.model if self.pretrained else None

    @property
    def architecture(self) -> str:
        """The name of its timm model. Raises TypeError with `start_from`: the model is then the other expert's."""
        if self.model is None:
            raise TypeError(f"the network is that of start_from '{self.start_from}'")
        return self.model


class DclExpert(ImageExpert):
    """Destruction and construction learning (Chen et al., CVPR 2019), starting from a trained `cnn` expert."""

    step: ClassVar = "dcl"

    kind: Literal["dcl"]
    start_from: Name  # the cnn expert of stage 1
    image: ImageInput = ImageInput(resize=512, crop=448)
    grid: int = Field(7, ge=2)  # tiles per side
    neighbourhood: int = Field(2, ge=1)  # tiles (and rows of tiles) shuffled together; 1: no destruction
    # exact: the true positions of the tiles; nearest_mean: positions guessed by mean colour, as in the released code
    location_targets: Literal["exact", "nearest_mean"] = "exact"
    adversarial: Literal["cls_2", "cls_mul"] = "cls_2"  # cls_2: intact or destroyed; cls_mul: that, for each class
    adv_weight: float = Field(1.0, ge=0)  # of the adversarial loss, beside the classes' loss
    loc_weight: float = Field(1.0, ge=0)  # 0.01 in the authors' car and aircraft runs
    head_lr_factor: float = Field(10.0, gt=0)  # learning rate of the three heads / lr
    train_on: Literal["all", "clean"] = "all"  # clean: without the label issues that denoising removed
    train: DclTraining = DclTraining()

    @model_validator(mode="after")
    def _grid_fits(self) -> "DclExpert":
        if self.image.crop % self.grid:
            raise ValueError(f"grid {self.grid} does not divide crop {self.image.crop}")
        if self.neighbourhood > self.grid:
            raise ValueError(f"neighbourhood {self.neighbourhood} is larger than grid {self.grid}")
        return self

    @property
    def one_label_only(self) -> str | None:
        if self.adversarial == "cls_2":
            return None
        return "adversarial: cls_mul needs one class per product, which catalogue.labels: several has not; use cls_2"


def stage_1(experts: Experts, expert: ImageExpert) -> CnnExpert:
    """Return the first expert of a `start_from` chain: its `model` is the network of all experts in the chain."""
    source: ExpertConfig = expert
    while isinstance(source, ImageExpert) and source.start_from is not None:
        source = experts[source.start_from]
    if not isinstance(source, CnnExpert):
        raise TypeError(f"an image network starts from a cnn expert, not from one of kind {source.kind}")
    return source

"""What every kind of expert tells the planner about itself."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from latefusion.config.section import Section
from latefusion.utils.nearest import did_you_mean

if TYPE_CHECKING:
    from latefusion.config.experts.image import ImageInput
    from latefusion.config.training import Training

Modality = Literal["text", "image", "joint"]
Experts = Mapping[str, "ExpertConfig"]


class ExpertConfig(Section):
    """An expert of any kind; `experts`, where a method takes them, are all experts of the config by name.

    A new kind sets `modality` and `step` and overrides the methods in which it differs from an expert that learns from
    the catalogue alone.
    """

    modality: ClassVar[Modality]  # what it reads
    step: ClassVar[str]  # the step that trains it, see `steps.scripts`
    reads_pixels: ClassVar[bool] = False  # its own job decodes images

    @property
    def training(self) -> "Training | None":
        """How its network is trained; None for an expert that has no epochs of its own."""
        return getattr(self, "train", None)

    @property
    def cleans(self) -> bool:
        """Tell whether it learns without the label issues that denoising removed."""
        return getattr(self, "train_on", "all") == "clean"

    @property
    def checkpoint_of(self) -> str | None:
        """The expert that this one is a checkpoint of, if it is one."""
        return None

    @property
    def pretrained_model(self) -> str | None:
        """The name of the pretrained weights that its network starts from."""
        return None

    @property
    def image_input(self) -> "ImageInput | None":
        """How its network reads images."""
        return None

    @property
    def folds_of_train(self) -> int | None:
        """Into how many folds it divides the training products."""
        return None

    def sources(self, experts: Experts) -> tuple[str, ...]:
        """Return the names of the experts whose trained weights its job starts from."""
        return ()

    def needs(self, experts: Experts) -> tuple[str, ...]:
        """Return the keys of the jobs that must be done before its own, see `plan.planning`."""
        sources = tuple(f"experts/{source}" for source in self.sources(experts)) or ("catalogue",)
        return (*sources, "denoise") if self.cleans else sources

    def networks(self, name: str, experts: Experts) -> dict[str, "ExpertConfig"]:
        """Return the experts whose networks its job starts anew, by name: itself, or those that it trains together."""
        return {name: self}

    def settings(self, experts: Experts) -> dict:
        """Return every setting that its results depend on, apart from those of the jobs that it needs."""
        return self.model_dump(mode="json")

    def continues_another(self, experts: Experts) -> bool:
        """Tell whether its weights go back to another expert's best epoch."""
        return bool(self.sources(experts))

    def check(self, key: str, experts: Experts) -> None:
        """Raise ValueError, beginning with a key below `key`, where it names an expert that it cannot use."""


def must_exist(key: str, name: str, known: Mapping[str, object]) -> None:
    """Raise ValueError unless `name`, the value of `key`, is known."""
    if name not in known:
        raise ValueError(f"{key}: '{name}' does not exist{did_you_mean(name, known)}")

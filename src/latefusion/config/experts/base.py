"""The base class of all expert configs: the attributes and methods that the planner and the checks use."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from latefusion.config.images import ImageInput
from latefusion.config.section import Section
from latefusion.config.training import Training

Modality = Literal["text", "image", "joint"]
Experts = Mapping[str, "ExpertConfig"]


class ExpertConfig(Section):
    """The config of an expert of any kind.

    A new kind is a subclass with
      - a field `kind: Literal["<name>"]`, by which the YAML config selects the class;
      - the class attributes `modality` and `step`;
      - `train: Training` (or a subclass) if it has epochs, and `train_on` if it can be trained without label issues;
      - any further settings as fields: all of them are part of the job's fingerprint (see `settings`).
    The methods below describe an expert that is trained on the catalogue alone, without pretrained weights or other
    experts. Override those that differ. The argument `experts` holds all experts of the config by name.
    """

    modality: ClassVar[Modality]  # what it reads; `joint` is text and image
    step: ClassVar[str]  # the step that trains it, a key of `steps.scripts.SCRIPTS`
    reads_pixels: ClassVar[bool] = False  # whether its own job decodes images
    # In cross-fitting: whether one more model, trained on all labelled products, predicts the test products, instead of
    # the mean over the folds. For models without epochs: the others need held-out products to stop in time.
    refits: ClassVar[bool] = False
    n_models: ClassVar[int] = 1  # the number of classifiers or networks that run to predict a product
    # How joint experts can use it: `frozen` if its model has `features(**inputs)`, (B, F), and `feature_size`, F;
    # `end_to_end` if `experts.joint` can also train its network.
    joins: ClassVar[tuple[str, ...]] = ()
    if TYPE_CHECKING:  # each subclass has its own field
        kind: str

    @property
    def training(self) -> Training | None:
        """Its `train` section; None for an expert that has no epochs of its own."""
        return getattr(self, "train", None)

    def require_training(self) -> Training:
        """Return its `train` section. Raises TypeError for an expert that has none."""
        if self.training is None:
            raise TypeError(f"an expert of kind {self.kind} has no epochs of its own")
        return self.training

    @property
    def chooses_epoch(self) -> bool:
        """Whether scores on the validation products choose the epoch of its weights."""
        return self.training is not None and self.training.epoch == "best"

    @property
    def trains_on_clean(self) -> bool:
        """Whether it is trained without the label issues that denoising removed."""
        return getattr(self, "train_on", "all") == "clean"

    @property
    def checkpoint_of(self) -> str | None:
        """The name of the expert of which this one is a checkpoint; None if it has a network of its own."""
        return None

    @property
    def pretrained_model(self) -> str | None:
        """The name of the pretrained weights from which its network starts, or None."""
        return None

    @property
    def hub_name(self) -> str | None:
        """The name on the Hugging Face hub of its pretrained weights, or None: image models are timm's."""
        if self.pretrained_model is None:
            return None
        return f"timm/{self.pretrained_model}" if self.modality == "image" else self.pretrained_model

    @property
    def starts_pretrained(self) -> bool:
        """Whether all layers of its network start from pretrained weights, so that some of them may be frozen."""
        return self.pretrained_model is not None

    @property
    def one_label_only(self) -> str | None:
        """Which of its settings is not for products with several labels, with advice; None if all are."""
        return None

    @property
    def only_text(self) -> str | None:
        """The text that it reads if it reads one alone, `title` or `description`; otherwise None."""
        reads = getattr(self, "reads", "both")
        return None if reads == "both" else reads

    @property
    def image_input(self) -> ImageInput | None:
        """The sizes and augmentation of the images that its network reads; None if it reads none."""
        return None

    @property
    def folds_of_train(self) -> int | None:
        """The number of folds into which it divides the training products, or None if it needs no folds."""
        return None

    def require_pretrained_model(self) -> str:
        """Return the name of its pretrained weights. Raises TypeError if it has none."""
        if self.pretrained_model is None:
            raise TypeError(f"an expert of kind {self.kind} has no pretrained weights")
        return self.pretrained_model

    def sources(self, experts: Experts) -> tuple[str, ...]:
        """Return the names of the experts from whose trained weights its job starts."""
        return ()

    def needs(self, experts: Experts) -> tuple[str, ...]:
        """Return the keys of the jobs that must be done before its own, such as `catalogue` (see `plan.planning`)."""
        sources = tuple(f"experts/{source}" for source in self.sources(experts)) or ("catalogue",)
        return (*sources, "denoise") if self.trains_on_clean else sources

    def networks(self, name: str, experts: Experts) -> dict[str, "ExpertConfig"]:
        """Return, by name, the experts whose networks its job builds from the config rather than from trained weights.

        `name` is its own name. Usually this is the expert itself; an end-to-end joint expert builds two.
        """
        return {name: self}

    def settings(self, experts: Experts) -> dict:
        """Return all settings on which its results depend, except those of the jobs that it needs.

        They are saved as the `config.yaml` of the run folder; a change makes the job stale.
        """
        return self.model_dump(mode="json")

    def continues_another(self, experts: Experts) -> bool:
        """Return whether its training started from weights whose epoch was chosen by scores on the validation products.

        That is, from the best epoch of another expert, or from one that started so itself.
        """
        sources = [experts[source] for source in self.sources(experts)]
        return any(source.chooses_epoch or source.continues_another(experts) for source in sources)

    @property
    def named(self) -> dict[str, str]:
        """The names of the experts that its section names, by key."""
        return {}

    def check(self, key: str, experts: Experts) -> None:
        """Raise ValueError if the config names an expert that this one cannot use; those in `named` exist.

        `key` is the expert's own key, such as `experts.dcl_raw`; the message begins with it or with a key below it.
        """

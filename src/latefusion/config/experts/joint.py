"""Experts of kind `joint`, which read text and image together: feature-level fusion."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from latefusion.config.experts.base import ExpertConfig, Experts
from latefusion.config.section import Fraction, Name
from latefusion.config.training import HeadTraining, TextTraining


class JointExpert(ExpertConfig):
    """A class head on the fused pooled features of a text and an image expert.

    `features` selects the subclass: `frozen` trains the head only, `end_to_end` trains both networks too.
    """

    modality: ClassVar = "joint"
    step: ClassVar = "joint"
    n_models: ClassVar = 2  # the text network and the image network
    if TYPE_CHECKING:  # each subclass has its own field
        features: str

    kind: Literal["joint"]
    text: Name  # a text expert that is a network, such as one of kind transformer
    image: Name  # an image expert that is a network: cnn or dcl
    # how the two feature vectors become one (experts/joint/fusion.py)
    fusion: Literal["concat", "sum", "attention"] = "concat"
    hidden_size: int = Field(512, ge=1)  # concat: of the hidden layer; sum, attention: of both projected features
    dropout: Fraction = 0.1  # of the class head's input
    train_on: Literal["all", "clean"] = "all"  # clean: without the label issues that denoising removed

    @property
    def named(self) -> dict[str, str]:
        return {"text": self.text, "image": self.image}

    def check(self, key: str, experts: Experts) -> None:
        for modality, source in self.named.items():
            found = experts[source]
            if self.features not in found.joins or found.modality != modality:
                way = self.features.replace("_", " ")
                raise ValueError(
                    f"{key}.{modality}: '{source}' is of kind {found.kind}, which has no network on {modality} that a "
                    f"joint expert can use ({way})"
                )


class FrozenJointExpert(JointExpert):
    """Step by step: the two trained experts are frozen, and a new head is trained on their features."""

    features: Literal["frozen"]  # frozen: of the two trained experts
    train: HeadTraining = HeadTraining()

    def sources(self, experts: Experts) -> tuple[str, ...]:
        return (self.text, self.image)

    def networks(self, name: str, experts: Experts) -> dict[str, ExpertConfig]:
        return {}


class EndToEndJointExpert(JointExpert):
    """Both networks and the head are trained together, from the weights with which the two experts started.

    Inputs are as for the two experts. With a `dcl` expert: its image size and its stage-1 network, without destruction.
    """

    reads_pixels: ClassVar = True

    features: Literal["end_to_end"]  # end_to_end: both networks are trained too
    image_lr_factor: float = Field(1.0, gt=0)  # learning rate of the image network / lr; the text network has lr
    head_lr_factor: float = Field(10.0, gt=0)  # learning rate of the fusion head / lr
    train: TextTraining = TextTraining()

    def sources(self, experts: Experts) -> tuple[str, ...]:
        return experts[self.image].sources(experts)

    def needs(self, experts: Experts) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("catalogue", *super().needs(experts))))

    def networks(self, name: str, experts: Experts) -> dict[str, ExpertConfig]:
        # With the joint expert's own `train` section, as they are trained; named so that both experts are checked too.
        return {
            f"{name} ({source})": experts[source].model_copy(update={"train": self.train})
            for source in (self.text, self.image)
        }

    def settings(self, experts: Experts) -> dict:
        # End-to-end: these settings of the source experts are unused, so leave them out of the fingerprint.
        unused = {"train", "train_on", "head_lr_factor"}
        used = {source: experts[source].model_dump(mode="json", exclude=unused) for source in (self.text, self.image)}
        return super().settings(experts) | {"experts": used}

    def check(self, key: str, experts: Experts) -> None:
        super().check(key, experts)
        for source in (self.text, self.image):
            expert = experts[source]
            is_pretrained = expert.starts_pretrained or bool(expert.sources(experts))
            try:
                self.train.require_pretrained(is_pretrained, f"'{source}' starts without pretrained weights")
            except ValueError as error:
                raise ValueError(f"{key}.{error}") from None


AnyJointExpert = Annotated[FrozenJointExpert | EndToEndJointExpert, Field(discriminator="features")]

"""Experts that read texts and images together: feature-level fusion."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from latefusion.config.experts.base import ExpertConfig, Experts, must_exist
from latefusion.config.section import Fraction, Name
from latefusion.config.training import HeadTraining, TextTraining


class JointExpert(ExpertConfig):
    """The pooled features of a text and an image expert, fused, and a class head; `features` says how it learns."""

    modality: ClassVar = "joint"
    step: ClassVar = "joint"

    kind: Literal["joint"]
    text: Name  # an expert of kind transformer
    image: Name  # an expert of kind cnn or dcl
    fusion: Literal["concat", "sum", "attention"] = "concat"
    hidden_size: int = Field(512, ge=1)  # of the layer after `concat`; otherwise both are projected to this width
    dropout: Fraction = 0.1  # of what the class head reads
    train_on: Literal["all", "clean"] = "all"  # clean: without the label issues that denoising removed

    def check(self, key: str, experts: Experts) -> None:
        for modality, kinds in {"text": ("transformer",), "image": ("cnn", "dcl")}.items():
            source = getattr(self, modality)
            must_exist(f"{key}.{modality}", source, experts)
            if experts[source].kind not in kinds:
                found = experts[source].kind
                raise ValueError(f"{key}.{modality}: '{source}' is of kind {found}, not {' or '.join(kinds)}")


class FrozenJointExpert(JointExpert):
    """Step by step: the two experts are trained already and stay as they are, a new head learns on their features."""

    features: Literal["frozen"]
    train: HeadTraining = HeadTraining()

    def sources(self, experts: Experts) -> tuple[str, ...]:
        return (self.text, self.image)

    def networks(self, name: str, experts: Experts) -> dict[str, ExpertConfig]:
        return {}


class EndToEndJointExpert(JointExpert):
    """Both networks learn together with the head, from where the two experts start: not from where they end.

    They read as the two experts do. Of a `dcl` expert that is its size of image and stage-1 network, no destruction.
    """

    reads_pixels: ClassVar = True

    features: Literal["end_to_end"]
    image_lr_factor: float = Field(1.0, gt=0)  # of the image network; the text network has the learning rate itself
    head_lr_factor: float = Field(10.0, gt=0)
    train: TextTraining = TextTraining()

    def sources(self, experts: Experts) -> tuple[str, ...]:
        return experts[self.image].sources(experts)

    def needs(self, experts: Experts) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("catalogue", *super().needs(experts))))

    def networks(self, name: str, experts: Experts) -> dict[str, ExpertConfig]:
        return {source: experts[source] for source in (self.text, self.image)}

    def settings(self, experts: Experts) -> dict:
        # The source experts' `train` section is unused, so it is left out of the fingerprint.
        used = {
            source: expert.model_dump(mode="json", exclude={"train", "train_on"})
            for source, expert in self.networks("", experts).items()
        }
        return super().settings(experts) | {"experts": used}


AnyJointExpert = Annotated[FrozenJointExpert | EndToEndJointExpert, Field(discriminator="features")]

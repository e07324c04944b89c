"""Feature-level fusion: experts of kind `joint`, which read text and picture together."""

from typing import Annotated, Literal

from pydantic import Field

from latefusion.config.section import Fraction, Name, Section
from latefusion.config.training import HeadTraining, TextTraining


class JointExpert(Section):
    """The pooled features of a text and an image expert, fused, and a class head; `features` says how it learns."""

    kind: Literal["joint"]
    text: Name  # an expert of kind transformer
    image: Name  # an expert of kind cnn or dcl
    fusion: Literal["concat", "sum", "attention"] = "concat"
    hidden_size: int = Field(512, ge=1)  # of the layer after `concat`; otherwise both are projected to this width
    dropout: Fraction = 0.1  # of what the class head reads
    train_on: Literal["all", "clean"] = "all"  # clean: without the label issues that denoising removed


class FrozenJointExpert(JointExpert):
    """Step by step: the two experts are trained already and stay as they are, a new head learns on their features."""

    features: Literal["frozen"]
    train: HeadTraining = HeadTraining()


class EndToEndJointExpert(JointExpert):
    """Both networks learn together with the head, from where the two experts start: not from where they end.

    They read as the two experts do. Of a `dcl` expert that is its size of picture and stage-1 network, no destruction.
    """

    features: Literal["end_to_end"]
    image_lr_factor: float = Field(1.0, gt=0)  # of the image network; the text network has the learning rate itself
    head_lr_factor: float = Field(10.0, gt=0)
    train: TextTraining = TextTraining()


AnyJointExpert = Annotated[FrozenJointExpert | EndToEndJointExpert, Field(discriminator="features")]

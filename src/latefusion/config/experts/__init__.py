"""The kinds of experts. What the program does with each is a row of `latefusion.experts.kinds`."""

from typing import Annotated

from pydantic import Field

from latefusion.config.experts.base import ExpertConfig
from latefusion.config.experts.image import CnnExpert, DclExpert, ImageExpert, ImageInput
from latefusion.config.experts.joint import AnyJointExpert, EndToEndJointExpert, FrozenJointExpert, JointExpert
from latefusion.config.experts.late import LateExpert
from latefusion.config.experts.text import ScratchEncoder, TfidfExpert, TransformerExpert

Expert = Annotated[
    TransformerExpert | TfidfExpert | CnnExpert | DclExpert | AnyJointExpert | LateExpert, Field(discriminator="kind")
]

__all__ = [
    "CnnExpert",
    "DclExpert",
    "EndToEndJointExpert",
    "Expert",
    "ExpertConfig",
    "FrozenJointExpert",
    "ImageExpert",
    "ImageInput",
    "JointExpert",
    "LateExpert",
    "ScratchEncoder",
    "TfidfExpert",
    "TransformerExpert",
]

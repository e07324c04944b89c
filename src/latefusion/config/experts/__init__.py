"""The kinds of experts: one config class per value of `kind`.

To add a kind: write a config class (see `base.ExpertConfig`), add it to `Expert` below, write a module that trains it,
and add a row to `latefusion.experts.kinds`.
"""

from typing import Annotated

from pydantic import Field

from latefusion.config.experts.base import ExpertConfig
from latefusion.config.experts.image import CnnExpert, DclExpert, ImageExpert
from latefusion.config.experts.joint import AnyJointExpert, EndToEndJointExpert, FrozenJointExpert, JointExpert
from latefusion.config.experts.late import LateExpert
from latefusion.config.experts.probe import ImageProbe, Probe, TextProbe
from latefusion.config.experts.text import ScratchEncoder, TextCnnExpert, TfidfExpert, TransformerExpert

Expert = Annotated[
    TransformerExpert
    | TextCnnExpert
    | TfidfExpert
    | TextProbe
    | CnnExpert
    | DclExpert
    | ImageProbe
    | AnyJointExpert
    | LateExpert,
    Field(discriminator="kind"),
]

__all__ = [
    "CnnExpert",
    "DclExpert",
    "EndToEndJointExpert",
    "Expert",
    "ExpertConfig",
    "FrozenJointExpert",
    "ImageExpert",
    "ImageProbe",
    "JointExpert",
    "LateExpert",
    "Probe",
    "ScratchEncoder",
    "TextCnnExpert",
    "TextProbe",
    "TfidfExpert",
    "TransformerExpert",
]

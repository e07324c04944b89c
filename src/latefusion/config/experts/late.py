"""Experts of kind `late`: late checkpoints of other experts."""

from typing import Literal

from pydantic import Field

from latefusion.config.experts.base import ExpertConfig, Experts
from latefusion.config.section import Name


class LateExpert(ExpertConfig):
    """A late checkpoint of the expert `of`, as an expert of its own; `epochs_before_end` 0 is the final epoch."""

    kind: Literal["late"]
    of: Name  # the expert whose checkpoint it is
    epochs_before_end: int = Field(0, ge=0)  # 0: the final epoch

    @property
    def checkpoint_of(self) -> str:
        return self.of

    @property
    def named(self) -> dict[str, str]:
        return {"of": self.of}

    def sources(self, experts: Experts) -> tuple[str, ...]:
        return (self.of,)

    def networks(self, name: str, experts: Experts) -> dict[str, ExpertConfig]:
        return {}

    def continues_another(self, experts: Experts) -> bool:
        return experts[self.of].continues_another(experts)

    def check(self, key: str, experts: Experts) -> None:
        parent = experts[self.of]
        if parent.training is None:
            raise ValueError(f"{key}.of: '{self.of}' is of kind {parent.kind}, which has no checkpoints")
        if parent.training.epoch == "last" and self.epochs_before_end == 0:
            raise ValueError(
                f"{key}.epochs_before_end: with experts.{self.of}.train.epoch: last, this is the same as '{self.of}'; "
                "give 1 or more"
            )
        epochs, keep_last = parent.training.epochs, parent.training.keep_last
        if epochs <= self.epochs_before_end:
            raise ValueError(
                f"{key}.epochs_before_end: must be below {epochs}, the epochs of '{self.of}' (0: the last)"
            )
        if keep_last <= self.epochs_before_end:
            wanted = self.epochs_before_end + 1
            advice = f"set experts.{self.of}.train.keep_last to {wanted} or more"
            raise ValueError(f"{key}: '{self.of}' keeps too few epochs: {advice}")

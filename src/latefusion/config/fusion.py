"""Policies and the vote."""

from typing import Literal

from pydantic import Field

from latefusion.config.section import Name, Section


class Policy(Section):
    """A shallow network from the experts' class probabilities to class probabilities; `layers` 1, or 2 with ReLU."""

    experts: tuple[Name, ...] = Field(min_length=1)
    layers: Literal[1, 2] = 1
    hidden_size: int = Field(6, ge=1)  # 2 layers only
    n_folds: int = Field(8, ge=2)
    epochs: int = Field(40, ge=1)
    lr: float = Field(0.01, gt=0)
    batch_size: int = Field(128, ge=1)
    seed: int = 2020


class Vote(Section):
    """Majority vote of the members; ties go to the highest summed probability, then to the lowest code."""

    members: tuple[Name, ...] | Literal["all"] = "all"

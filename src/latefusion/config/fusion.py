"""Policies, from the experts' probabilities to decisions, and the vote."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from latefusion.config.section import Name, Section, Seed


class PolicyConfig(Section):
    """A policy of any kind: the experts it reads, and the folds of the validation products that it learns on."""

    score_group: ClassVar[Literal["policy", "rule"]] = "rule"  # of the score table

    experts: tuple[Name, ...] = Field(min_length=1)
    n_folds: int = Field(8, ge=2)
    calibrate: bool = False  # temper each expert's probabilities first, by a temperature learnt on the same folds


class Learner(PolicyConfig):
    """A policy that learns from what the experts say, in one of three forms."""

    inputs: Literal["probs", "log_probs", "top_k"] = "probs"  # top_k: all but each expert's k highest are zero
    top_k: int = Field(3, ge=1)

    @model_validator(mode="after")
    def _top_k_is_read(self) -> "Learner":
        if "top_k" in self.model_fields_set and self.inputs != "top_k":
            raise ValueError(f"top_k is for inputs: top_k alone, not for {self.inputs}")
        return self


class NetworkPolicy(Learner):
    """A shallow network from the experts' class probabilities to class probabilities; `layers` 1, or 2 with ReLU."""

    score_group: ClassVar = "policy"

    kind: Literal["network"] = "network"
    layers: Literal[1, 2] = 1
    hidden_size: int = Field(6, ge=1)  # 2 layers only
    epochs: int = Field(40, ge=1)
    lr: float = Field(0.01, gt=0)
    batch_size: int = Field(128, ge=1)  # no more than there are: a large one is the full batch
    seed: Seed = 2020

    @model_validator(mode="after")
    def _hidden_size_is_read(self) -> "NetworkPolicy":
        if "hidden_size" in self.model_fields_set and self.layers == 1:
            raise ValueError("hidden_size is for layers: 2 alone")
        return self


class RulePolicy(PolicyConfig):
    """A fixed rule on the experts' probabilities; `weighted_mean` alone learns, one weight an expert."""

    kind: Literal["mean", "weighted_mean", "max", "product"]


class LogisticPolicy(Learner):
    """Stacking by multinomial logistic regression."""

    kind: Literal["logistic"]
    C: float = Field(10.0, gt=0)  # scikit-learn's: the smaller, the more regular; log_probs want about 0.1


class BoostingPolicy(Learner):
    """Stacking by gradient-boosted trees."""

    kind: Literal["boosting"]
    trees: int = Field(50, ge=1)  # of each class
    max_leaf_nodes: int = Field(8, ge=2)
    lr: float = Field(0.1, gt=0)
    seed: Seed = 2020


def _network_unless_said(policy: object) -> object:
    return {"kind": "network"} | dict(policy) if isinstance(policy, Mapping) else policy


Policy = Annotated[
    Annotated[NetworkPolicy | RulePolicy | LogisticPolicy | BoostingPolicy, Field(discriminator="kind")],
    BeforeValidator(_network_unless_said),
]


class Vote(Section):
    """Majority vote of the members; ties go to the highest summed probability, then to the lowest code."""

    members: tuple[Name, ...] | Literal["networks"] = "networks"  # networks: all policies of that kind
    subsets: dict[Name, tuple[Name, ...]] = Field({})  # further votes, each a row of the score table

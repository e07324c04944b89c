"""Config sections about policies (from the experts' probabilities to decisions) and the vote."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from latefusion.config.complexity import Complexity
from latefusion.config.section import Name, Section, Seed


class PolicyConfig(Section):
    """A policy of any kind: the experts whose probabilities it reads, and the number of folds it is trained on.

    A new kind is a subclass with a field `kind: Literal["<name>"]`, a member of `Policy` below, a module, and a row in
    `latefusion.fusion.kinds`.
    """

    score_group: ClassVar[Literal["policy", "rule"]] = "rule"  # the group of its row in the score table
    complexities: ClassVar[Mapping[str, Complexity]]  # of each kind of the class, for `submit: best`
    if TYPE_CHECKING:  # each subclass has its own field
        kind: str

    experts: tuple[Name, ...] = Field(min_length=1)
    n_folds: int = Field(8, ge=2)  # of the products that it learns from: valid, or cross-fitted all
    calibrate: bool = False  # first apply temperature scaling to each expert, fitted on the same folds

    @property
    def complexity(self) -> Complexity:
        """How complex the policy is, apart from the number of its experts."""
        return self.complexities[self.kind]


class Learner(PolicyConfig):
    """A policy that is trained on the experts' probabilities, given in one of three forms (`inputs`)."""

    inputs: Literal["probs", "log_probs", "top_k"] = "probs"  # top_k: each expert's k highest, all others set to zero
    top_k: int = Field(3, ge=1)

    @model_validator(mode="after")
    def _check_top_k(self) -> "Learner":
        if "top_k" in self.model_fields_set and self.inputs != "top_k":
            raise ValueError(f"top_k is only for inputs: top_k, not for inputs: {self.inputs}")
        return self


class NetworkPolicy(Learner):
    """A shallow network from the experts' class probabilities to class probabilities: 1 layer, or 2 with ReLU."""

    score_group: ClassVar = "policy"
    complexities: ClassVar = {"network": "network"}

    kind: Literal["network"] = "network"
    layers: Literal[1, 2] = 1
    hidden_size: int = Field(6, ge=1)  # 2 layers only
    epochs: int = Field(40, ge=1)
    lr: float = Field(0.01, gt=0)
    batch_size: int = Field(128, ge=1)  # larger than the training set: full batch
    seed: Seed = 2020

    @model_validator(mode="after")
    def _check_hidden_size(self) -> "NetworkPolicy":
        if "hidden_size" in self.model_fields_set and self.layers == 1:
            raise ValueError("hidden_size is only for layers: 2")
        return self


class RulePolicy(PolicyConfig):
    """A rule on the experts' probabilities; the weighted ones learn a weight per expert, the others are fixed."""

    complexities: ClassVar = {
        "mean": "rule",
        "max": "rule",
        "product": "rule",
        "weighted_mean": "weights",
        "weighted_product": "weights",
    }

    kind: Literal["mean", "weighted_mean", "max", "product", "weighted_product"]


class LogisticPolicy(Learner):
    """Stacking by multinomial logistic regression."""

    complexities: ClassVar = {"logistic": "logistic"}

    kind: Literal["logistic"]
    C: float = Field(10.0, gt=0)  # as in scikit-learn: smaller is stronger regularisation; about 0.1 for log_probs


class BoostingPolicy(Learner):
    """Stacking by gradient-boosted trees."""

    complexities: ClassVar = {"boosting": "boosting"}

    kind: Literal["boosting"]
    trees: int = Field(50, ge=1)  # per class
    max_leaf_nodes: int = Field(8, ge=2)
    lr: float = Field(0.1, gt=0)
    seed: Seed = 2020


def _network_by_default(policy: object) -> object:
    """Return a policy's mapping with `kind: network` unless it gives a kind."""
    return {"kind": "network"} | dict(policy) if isinstance(policy, Mapping) else policy


Policy = Annotated[
    Annotated[NetworkPolicy | RulePolicy | LogisticPolicy | BoostingPolicy, Field(discriminator="kind")],
    BeforeValidator(_network_by_default),
]


class Vote(Section):
    """Majority vote of the members; ties go to the highest summed probability, then to the lowest class code."""

    members: tuple[Name, ...] | Literal["networks"] = "networks"  # networks: all policies of kind `network`
    subsets: dict[Name, tuple[Name, ...]] = Field({})  # members of further votes, each a row of the score table

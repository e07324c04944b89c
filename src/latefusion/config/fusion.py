"""Config sections about policies (from the experts' probabilities to decisions) and the vote."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from latefusion.config.complexity import Complexity
from latefusion.config.section import Name, Section, Seed

Activation = Literal["relu", "sigmoid", "tanh"]
Size = Annotated[int, Field(ge=1)]


class PolicyConfig(Section):
    """A policy of any kind: the experts whose probabilities it reads, and the number of folds it is trained on.

    A new kind is a subclass, mostly of `ExpertsPolicy`, with a field `kind: Literal["<name>"]`, a member of `Policy`
    below, a module, and a row in `latefusion.fusion.kinds`.
    """

    score_group: ClassVar[Literal["policy", "rule"]] = "rule"  # the group of its row in the score table
    complexities: ClassVar[Mapping[str, Complexity]]  # of each kind of the class, for `submit: best`
    if TYPE_CHECKING:  # each subclass has its own
        kind: str

        @property
        def experts(self) -> tuple[str, ...]: ...

    n_folds: int = Field(8, ge=2)  # of the products that it learns from: valid, or cross-fitted all
    calibrate: bool = False  # first apply temperature scaling to each expert, fitted on the same folds

    @property
    def complexity(self) -> Complexity:
        """How complex the policy is, apart from the number of its experts."""
        return self.complexities[self.kind]

    @property
    def sources(self) -> dict[str, str]:
        """The names of the experts and policies that it reads, by the key that names them in its section."""
        return {}

    @property
    def own_network(self) -> str | None:
        """The name of the expert like which it trains a network of its own, on the products; None if it trains none."""
        return None

    def restricted(self, experts: tuple[str, ...]) -> "PolicyConfig":
        """Return the policy for products that only these of its experts can read."""
        return self.model_copy(update={"experts": experts})

    def labels_problem(self, *, several: bool) -> str | None:
        """Return which of its keys is wrong for products with one label or several, and what to do; or None."""
        return None


class ExpertsPolicy(PolicyConfig):
    """A policy whose config names its experts."""

    experts: tuple[Name, ...] = Field(min_length=1)  # the experts whose probabilities it reads


class Learner(ExpertsPolicy):
    """A policy that is trained on the experts' probabilities, given in one of three forms (`inputs`)."""

    inputs: Literal["probs", "log_probs", "top_k"] = "probs"  # top_k: each expert's k highest, all others set to zero
    top_k: int = Field(3, ge=1)  # of inputs: top_k

    @model_validator(mode="after")
    def _check_top_k(self) -> "Learner":
        if "top_k" in self.model_fields_set and self.inputs != "top_k":
            raise ValueError(f"top_k is only for inputs: top_k, not for inputs: {self.inputs}")
        return self


class NetworkPolicy(Learner):
    """A network from the experts' class probabilities to class probabilities.

    As published for the challenge it has 1 layer, or 2 with 6 ReLU units between them (`layers`, `hidden_size`). For
    more or larger layers, `hidden` has the sizes of all hidden layers: [200, 150] in the bi-modal networks of
    Wirojwatanakul and Wangperawong, with `activation: sigmoid`. Outputs are a softmax, of several labels sigmoids.
    """

    score_group: ClassVar = "policy"
    complexities: ClassVar = {"network": "network"}

    kind: Literal["network"] = "network"
    layers: Literal[1, 2] = 1  # 2: with one hidden layer
    hidden_size: int = Field(6, ge=1)  # 2 layers only
    hidden: tuple[Size, ...] | None = Field(None, min_length=1)  # instead of `layers` and `hidden_size`
    activation: Activation = "relu"  # of all hidden layers
    activations: tuple[Activation, ...] | None = None  # or one for each of them
    # Products with several labels only: q of the weighted sigmoid cross-entropy, as in `train` of the experts.
    positive_weight: float = Field(1.0, gt=0)
    epochs: int = Field(40, ge=1)  # passes over the products that it learns from
    lr: float = Field(0.01, gt=0)  # of Adam
    batch_size: int = Field(128, ge=1)  # larger than the training set: full batch
    seed: Seed = 2020  # of weights and order

    @property
    def hidden_sizes(self) -> tuple[int, ...]:
        """The sizes of the hidden layers."""
        if self.hidden is not None:
            return self.hidden
        return (self.hidden_size,) if self.layers == 2 else ()

    @property
    def hidden_activations(self) -> tuple[Activation, ...]:
        """The activation of each hidden layer."""
        return self.activations or (self.activation,) * len(self.hidden_sizes)

    def labels_problem(self, *, several: bool) -> str | None:
        if not several and self.positive_weight != 1:
            return "positive_weight: only for catalogue.labels: several"
        return None

    @model_validator(mode="after")
    def _check_layers(self) -> "NetworkPolicy":
        given = self.model_fields_set
        if self.hidden is not None and given & {"layers", "hidden_size"}:
            raise ValueError("hidden has the sizes of all hidden layers: remove layers and hidden_size")
        if "hidden_size" in given and self.layers == 1:
            raise ValueError("hidden_size is only for layers: 2")
        if given & {"activation", "activations"} and not self.hidden_sizes:
            raise ValueError("without hidden layers there is no activation: set hidden, or layers: 2")
        if self.activations is not None and "activation" in given:
            raise ValueError("activations has one for each hidden layer: remove activation")
        if self.activations is not None and len(self.activations) != len(self.hidden_sizes):
            raise ValueError(f"activations: {len(self.activations)} for {len(self.hidden_sizes)} hidden layers")
        return self


class RulePolicy(ExpertsPolicy):
    """A rule on the experts' probabilities; the weighted ones learn a weight per expert, the others are fixed."""

    complexities: ClassVar = {
        "mean": "rule",
        "max": "rule",
        "product": "rule",
        "weighted_mean": "weights",
        "weighted_product": "weights",
    }

    kind: Literal["mean", "weighted_mean", "max", "product", "weighted_product"]


class RidgePolicy(Learner):
    """Stacking by ridge regression on the labels, 0 or 1 for each class: the linear regression of Wirojwatanakul et al.

    Its outputs are clipped to 0 and 1; of one label, they are then divided by their sum.
    """

    complexities: ClassVar = {"ridge": "ridge"}

    kind: Literal["ridge"]
    alpha: float = Field(1.0, gt=0)  # as in scikit-learn: larger is stronger regularisation


class LogisticPolicy(Learner):
    """Stacking by logistic regression: multinomial, or of several labels one regression per class."""

    complexities: ClassVar = {"logistic": "logistic"}

    kind: Literal["logistic"]
    C: float = Field(10.0, gt=0)  # as in scikit-learn: smaller is stronger regularisation; about 0.1 for log_probs


class BoostingPolicy(Learner):
    """Stacking by gradient-boosted trees."""

    complexities: ClassVar = {"boosting": "boosting"}

    kind: Literal["boosting"]
    trees: int = Field(50, ge=1)  # per class
    max_leaf_nodes: int = Field(8, ge=2)  # of each tree
    lr: float = Field(0.1, gt=0)  # shrinkage of each tree
    seed: Seed = 2020  # of scikit-learn's generator

    def labels_problem(self, *, several: bool) -> str | None:
        return "kind: boosting is only for products with one label: use network or logistic" if several else None


class ChoosingPolicy(ExpertsPolicy):
    """A network that chooses which of two experts decides on a product; `inputs` selects the subclass."""

    score_group: ClassVar = "policy"
    if TYPE_CHECKING:  # each subclass has its own field
        inputs: str

    kind: Literal["select"]
    experts: tuple[Name, Name]  # the default, and the one that may be chosen instead
    positive_weight: float = Field(5.0, gt=0)  # q: more than 1 chooses the second expert more often
    seed: Seed = 2020  # of weights and order

    def restricted(self, experts: tuple[str, ...]) -> PolicyConfig:
        return self if len(experts) == 2 else RulePolicy(kind="mean", experts=experts, n_folds=self.n_folds)


class SelectPolicy(ChoosingPolicy):
    """A network that chooses, by their probabilities, which of two experts decides (Zahavy et al. 2016, section 3.4).

    The first expert is the default; the second is chosen where the network expects that it is right and the first is
    wrong. The defaults are the best published row: the three highest probabilities of both experts, 10 ReLU units, q 5.
    """

    complexities: ClassVar = {"select": "select"}

    inputs: Literal["top_k", "probs"] = "top_k"  # the k highest of both, in descending order; or all
    top_k: int = Field(3, ge=1)  # of inputs: top_k
    layers: Literal[1, 2] = 2  # 2: with 10 ReLU units between them
    epochs: int = Field(40, ge=1)  # passes over the products that it learns from
    lr: float = Field(0.01, gt=0)  # of Adam
    batch_size: int = Field(128, ge=1)  # products of a step

    @model_validator(mode="after")
    def _check_top_k(self) -> "SelectPolicy":
        if "top_k" in self.model_fields_set and self.inputs != "top_k":
            raise ValueError(f"top_k is only for inputs: top_k, not for inputs: {self.inputs}")
        return self


class RawSelectPolicy(ChoosingPolicy):
    """A network that chooses, by the raw text, image or both, which of two experts decides (the same, 1b).

    With `inputs: raw`. It has the architecture of an expert, and is trained anew on the label of the choice.
    """

    complexities: ClassVar = {"select": "raw_select"}

    inputs: Literal["raw"]  # the text, the image or both, as the expert reads them that `network` names
    # An expert of kind transformer, text_cnn, cnn or joint (end to end): the network is like its own, begins as it
    # began, reads the same, and has its `train` section, of which epoch, positive_weight and seed do not count.
    network: Name
    epochs: int | None = Field(None, ge=1)  # null: that of the expert's `train` section
    lr: float | None = Field(None, gt=0)  # null: that of the expert's `train` section
    batch_size: int | None = Field(None, ge=1)  # null: that of the expert's `train` section

    @property
    def own_network(self) -> str:
        return self.network

    def restricted(self, experts: tuple[str, ...]) -> PolicyConfig:
        return RulePolicy(kind="mean", experts=experts, n_folds=self.n_folds)  # a network is not trained once more


class OnDemandPolicy(PolicyConfig):
    """Cheap experts first; a dearer policy only for the products where it is expected to help.

    `first` decides on all products. From the probabilities of its experts alone, the gain of asking `then` is
    predicted; the share `image_share` of the products with the highest predicted gain is decided by `then`. At 0 this
    is `first`, at 1 it is `then`, exactly. `fusion.on_demand` has the method.
    """

    score_group: ClassVar = "policy"
    complexities: ClassVar = {"on_demand": "on_demand"}

    kind: Literal["on_demand"]
    first: Name  # an expert, or a policy, that is cheap: usually of texts
    then: Name  # a policy that reads dear experts too
    image_share: float = Field(0.3, ge=0, le=1)  # of the products for which `then` is asked
    _first: PolicyConfig | None = PrivateAttr(None)  # None: an expert
    _then: PolicyConfig | None = PrivateAttr(None)

    def resolved(self, policies: Mapping[str, PolicyConfig]) -> "OnDemandPolicy":
        """Look up the policies that it names; return itself. `first` is an expert if it is not the name of a policy."""
        self._first, self._then = policies.get(self.first), policies[self.then]
        return self

    @property
    def parts(self) -> tuple[PolicyConfig | None, PolicyConfig]:
        """The policies `first` (None: an expert) and `then`."""
        assert self._then is not None  # `resolved` was called: experiments do
        return self._first, self._then

    @property
    def cheap(self) -> tuple[str, ...]:
        """The names of the experts that run on all products."""
        return (self.first,) if self._first is None else self._first.experts

    @property
    def experts(self) -> tuple[str, ...]:
        """The names of all its experts, the cheap ones first."""
        return tuple(dict.fromkeys((*self.cheap, *self.parts[1].experts)))

    @property
    def sources(self) -> dict[str, str]:
        return {"first": self.first, "then": self.then}

    def restricted(self, experts: tuple[str, ...]) -> PolicyConfig:
        own = tuple(name for name in self.parts[1].experts if name in experts)
        return self.parts[1].restricted(own) if own else RulePolicy(kind="mean", experts=experts, n_folds=self.n_folds)

    @model_validator(mode="after")
    def _check_calibrate(self) -> "OnDemandPolicy":
        if self.calibrate:
            raise ValueError("calibrate: is set in the policies that first and then name")
        return self


def _with_defaults(policy: object) -> object:
    """Return a policy's mapping with `kind: network` unless it gives a kind, and what selects the class of its kind."""
    if not isinstance(policy, Mapping):
        return policy
    kind = policy.get("kind", "network")
    return {"kind": kind} | ({"inputs": "top_k"} if kind == "select" else {}) | dict(policy)


Policy = Annotated[
    Annotated[
        NetworkPolicy
        | RulePolicy
        | RidgePolicy
        | LogisticPolicy
        | BoostingPolicy
        | Annotated[SelectPolicy | RawSelectPolicy, Field(discriminator="inputs")]
        | OnDemandPolicy,
        Field(discriminator="kind"),
    ],
    BeforeValidator(_with_defaults),
]


class Vote(Section):
    """Majority vote of the members; ties go to the highest summed probability, then to the lowest class code."""

    members: tuple[Name, ...] | Literal["networks"] = "networks"  # networks: all policies of kind `network`
    subsets: dict[Name, tuple[Name, ...]] = Field({})  # members of further votes: rows of the scores; null: left out

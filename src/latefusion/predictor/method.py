"""The submitted method outside of its experiment: from the probabilities of experts to calibrated decisions."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latefusion.config import Experiment, OnDemandPolicy, RawSelectPolicy
from latefusion.config.experts.base import Modality
from latefusion.fusion.deciding import Read, decide_rows
from latefusion.fusion.kinds import FittedPolicy
from latefusion.fusion.training import label_thresholds_of, load_policy
from latefusion.fusion.vote import combine
from latefusion.metrics.confidence import AnyCalibration, favour
from latefusion.metrics.decisions import HALF
from latefusion.metrics.decisions import decide as decide_labels
from latefusion.scores.results import SOFT_VOTE, Method, Results
from latefusion.utils.errors import InputError


@dataclass(frozen=True)
class MethodSpec:
    """What a method is made of: an expert, or one or more policies, of which several vote."""

    name: str
    expert: str | None  # a method that is an expert alone
    policies: tuple[str, ...]
    soft: bool  # the class of highest mean probability, instead of a majority vote
    calibration: AnyCalibration
    # (C,) of several labels, unless they are a half: of an expert or a soft vote; metrics.json has those of policies.
    label_thresholds: tuple[float, ...] | None = None

    def experts(self, experiment: Experiment) -> tuple[str, ...]:
        """Return the names of all experts that the method needs."""
        if self.expert is not None:
            return (self.expert,)
        return tuple(dict.fromkeys(name for policy in self.policies for name in experiment.policies[policy].experts))

    def networks(self, experiment: Experiment) -> dict[str, RawSelectPolicy]:
        """Return the policies that have a network of their own, by name."""
        policies = {name: experiment.policies[name] for name in self.policies}
        return {name: policy for name, policy in policies.items() if isinstance(policy, RawSelectPolicy)}

    def readers(self, experiment: Experiment) -> dict[str, Modality]:
        """Return what is read by all experts, and by all policies that have a network of their own."""
        experts = {name: experiment.modality(name) for name in self.experts(experiment)}
        networks = {name: experiment.modality(one.network) for name, one in self.networks(experiment).items()}
        return experts | networks

    def cheap_experts(self, experiment: Experiment) -> tuple[str, ...]:
        """Return the names of the experts that run for all products: all but the dear ones of policies on demand."""
        if self.expert is not None:
            return (self.expert,)
        policies = [experiment.policies[name] for name in self.policies]
        cheap = {
            name
            for policy in policies
            for name in (policy.cheap if isinstance(policy, OnDemandPolicy) else policy.experts)
        }
        return tuple(name for name in self.experts(experiment) if name in cheap)


def spec_of(results: Results, method: Method, calibration: AnyCalibration) -> MethodSpec:
    """Return what a finished method is made of."""
    is_expert = method in results.experts
    return MethodSpec(
        name=method.name,
        expert=method.name if is_expert else None,
        policies=tuple(results.policies_of(method)),
        soft=method.name == SOFT_VOTE,
        calibration=calibration,
    )


class ExpertTables:
    """The experts' probabilities of N products; each expert predicts a product when it is first read, and once."""

    def __init__(self, predict: Read, n: int):
        self._predict, self._n = predict, n
        self._tables: dict[str, np.ndarray] = {}
        self._ran: dict[str, np.ndarray] = {}

    def read(self, expert: str, rows: np.ndarray) -> np.ndarray:
        """Return the (n, C) probabilities of an expert for (n,) row numbers."""
        ran = self._ran.setdefault(expert, np.zeros(self._n, dtype=bool))
        new = rows[~ran[rows]]
        if len(new) or expert not in self._tables:
            probs = self._predict(expert, new)
            table = self._tables.setdefault(expert, np.zeros((self._n, probs.shape[1]), probs.dtype))
            table[new], ran[new] = probs, True
        return self._tables[expert][rows]


class FinalMethod:
    """A method that is read from an exported model."""

    def __init__(self, spec: MethodSpec, experiment: Experiment, num_classes: int, folder: Path):
        """Read the policies from the subfolders of `folder`."""
        self.spec, self.experiment, self.num_classes = spec, experiment, num_classes
        self.several = experiment.several
        self.policies: dict[str, FittedPolicy] = {
            name: load_policy(experiment.policies[name], num_classes, folder / name, several=self.several)
            for name in spec.policies
        }
        self.thresholds = {name: label_thresholds_of(folder / name) for name in spec.policies}

    @property
    def asks(self) -> bool:
        """Whether some experts predict only the products for which they are asked for."""
        return any(self.experiment.policies[name].kind == "on_demand" for name in self.spec.policies)

    def decide(self, predict: Read, n: int, image_share: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the decisions for N products (see `metrics.decisions`) and their calibrated (N, C) probabilities.

        `predict` is called with the name of an expert and (n,) row numbers, for (n, C) probabilities: for each product
        at most once per expert; with the name of a policy that has a network of its own, for (n, 1) sigmoids. Of a
        policy of kind on_demand, the experts of `first` are called with all rows, those that only `then` reads with the
        rows that it asks for. `image_share`: with which share of the labelled products these scores would have been
        asked for, 0 to 1; None: as in the config. Raises InputError if the method has no such policy.
        """
        if image_share is not None and not self.asks:
            raise InputError(
                f"image_share: {self.spec.name} has no policy of kind on_demand: all its experts always run"
            )
        if not n:
            empty = np.empty((0, self.num_classes), dtype=np.float32)
            return decide_labels(empty, several=self.several), empty
        preds, probs = self._decide(ExpertTables(predict, n), n, image_share)
        return preds, self.spec.calibration.apply(favour(probs, preds))

    def _decide(self, tables: ExpertTables, n: int, image_share: float | None) -> tuple[np.ndarray, np.ndarray]:
        if self.spec.expert is not None:
            probs = tables.read(self.spec.expert, np.arange(n))
            return self._with_thresholds(probs), probs
        decided = [self._decide_policy(name, tables, n, image_share) for name in self.policies]
        preds, probs = zip(*decided, strict=True)
        voted, mean = combine(np.stack(preds), np.sum(probs, axis=0, dtype=np.float64), soft=self.spec.soft)
        return (self._with_thresholds(mean) if self.several and self.spec.soft else voted), mean

    def _decide_policy(
        self, name: str, tables: ExpertTables, n: int, image_share: float | None
    ) -> tuple[np.ndarray, np.ndarray]:
        read = self.experiment.policies[name].experts
        if name in self.spec.networks(self.experiment):
            read = (*read, name)
        preds, probs = decide_rows(self.policies[name], read, tables.read, n, image_share)
        thresholds = self.thresholds[name]
        return preds if thresholds is None else decide_labels(probs, several=True, thresholds=thresholds), probs

    def _with_thresholds(self, probs: np.ndarray) -> np.ndarray:
        thresholds = HALF if self.spec.label_thresholds is None else np.array(self.spec.label_thresholds)
        return decide_labels(probs, several=self.several, thresholds=thresholds)

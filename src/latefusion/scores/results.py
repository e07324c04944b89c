"""What there is to score: the decisions and probabilities of every method that is done, and the labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from latefusion.catalogue import read_test_labels
from latefusion.config import Experiment
from latefusion.fusion.vote import majority_vote, member_decisions
from latefusion.plan.jobs import DONE
from latefusion.plan.planning import plan
from latefusion.tables.dataset import Dataset
from latefusion.tables.label_issues import valid_targets
from latefusion.tables.predictions import read_preds
from latefusion.tables.probabilities import read_split_probs

GROUPS = {  # kind -> the paper's name for it, in the order of its table
    "image": "Uni-image classifier",
    "text": "Uni-text classifier",
    "joint": "Feature-level fusion",
    "policy": "Decision-level fusion",
    "rule": "Rules and stacking",
    "vote": "Ensemble",
}


@dataclass(frozen=True)
class Method:
    """A row of the score table."""

    name: str
    kind: str
    folder: str | None  # the run folder below weights/<experiment>/; None: the vote of a subset, which has none


@dataclass(frozen=True)
class Results:
    """The finished jobs of an experiment, read when asked for."""

    experiment: Experiment
    dataset: Dataset

    @cached_property
    def done(self) -> set[str]:
        """Return the keys of the jobs that are done."""
        return {key for key, job in plan(self.experiment).items() if job.state() == DONE}

    @cached_property
    def methods(self) -> list[Method]:
        """Return all that is done, in the paper's order."""
        experts = [Method(name, self.experiment.modality(name), f"experts/{name}") for name in self.experiment.experts]
        policies = [
            Method(name, policy.score_group, f"policies/{name}") for name, policy in self.experiment.policies.items()
        ]
        found = [method for method in (*experts, *policies) if method.folder in self.done] + self._votes()
        order = list(GROUPS)
        return sorted(found, key=lambda method: order.index(method.kind))

    def _votes(self) -> list[Method]:
        if "vote" not in self.done:
            return []
        subsets = self.experiment.vote.subsets
        able = [name for name, members in subsets.items() if {f"policies/{member}" for member in members} <= self.done]
        own = [Method("vote", "vote", "vote"), Method("soft vote", "vote", "vote")]
        return [*own, *(Method(f"vote {name}", "vote", None) for name in able)]

    @property
    def experts(self) -> list[Method]:
        return [method for method in self.methods if method.kind in ("image", "text", "joint")]

    @cached_property
    def targets(self) -> dict[str, np.ndarray]:
        """Return for each split the (N,) class numbers, -1 where a label is not known or does not count."""
        test = self.dataset.evaluation_splits["test"]
        given = read_test_labels(self.experiment.catalogue, self.dataset.products)
        labels = test["label"].fillna(given.reindex(test.index))
        return {
            "valid": valid_targets(self.experiment, self.dataset),
            "test": self.dataset.targets(test.assign(label=labels)),
        }

    @property
    def splits(self) -> list[str]:
        """Return the parts that have any label to score by."""
        return [split for split, targets in self.targets.items() if (targets >= 0).any()]

    @property
    def final_split(self) -> str:
        """Return the split that methods are compared on: test, or valid where no test label is known."""
        return self.splits[-1]

    def known(self, split: str) -> np.ndarray:
        return self.targets[split] >= 0

    def preds(self, method: Method, split: str) -> np.ndarray:
        """Return the (N,) class numbers that a method decided on."""
        if (method, split) not in self._known_preds:  # every table of scores asks for them
            self._known_preds[method, split] = self._preds(method, split)
        return self._known_preds[method, split]

    @cached_property
    def _known_preds(self) -> dict[tuple[Method, str], np.ndarray]:
        return {}

    def _preds(self, method: Method, split: str) -> np.ndarray:
        if method.kind in ("policy", "rule") or method.name == "vote":
            return read_preds(self.experiment.run_root / method.folder, split, self.dataset)
        if method.folder is None:
            members = self.experiment.vote.subsets[method.name.removeprefix("vote ")]
            return majority_vote(*member_decisions(self.experiment, self.dataset, members, split))
        return self.probs(method, split).argmax(axis=1)

    def probs(self, method: Method, split: str) -> np.ndarray:
        """Return a method's (N, C) probabilities; the soft vote's are the mean of the vote's members'."""
        return read_split_probs(self.experiment.run_root / method.folder, split, self.dataset)

    def all_preds(self) -> Iterator[tuple[Method, str, np.ndarray]]:
        """Yield (method, split, decisions) for all there is to score."""
        for split in self.splits:
            for method in self.methods:
                yield method, split, self.preds(method, split)

"""The decisions and probabilities of all finished methods of an experiment, and the labels they are scored with."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from latefusion.catalogue import read_test_labels
from latefusion.config import Experiment
from latefusion.fusion.vote import majority_vote, member_decisions
from latefusion.metrics.decisions import is_known
from latefusion.metrics.f1 import metrics_of
from latefusion.metrics.label_thresholds import LabelThresholds
from latefusion.plan.jobs import Job, done_jobs
from latefusion.plan.planning import plan
from latefusion.tables.dataset import Dataset
from latefusion.tables.label_issues import fusion_targets
from latefusion.tables.label_thresholds import decide_splits, learn_label_thresholds
from latefusion.tables.predictions import read_preds
from latefusion.tables.probabilities import read_split_probs

GROUPS = {  # kind -> its name in Table 1 of the paper, in that order
    "image": "Uni-image classifier",
    "text": "Uni-text classifier",
    "joint": "Feature-level fusion",
    "policy": "Decision-level fusion",
    "rule": "Rules and stacking",
    "vote": "Ensemble",
}
SOFT_VOTE = "soft vote"  # the class of highest mean probability of the vote's members


@dataclass(frozen=True)
class Method:
    """A row of the score table."""

    name: str
    kind: str
    folder: str | None  # the run folder in weights/<experiment>/; None for the vote of a subset, which has none


@dataclass(frozen=True)
class Results:
    """The results of an experiment's finished jobs; files are read when they are needed."""

    experiment: Experiment
    dataset: Dataset

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """Return all jobs of the experiment by key."""
        return plan(self.experiment)

    @cached_property
    def done(self) -> set[str]:
        """Return the keys of the jobs that are done."""
        return {job.key for job in done_jobs(self.jobs.values())}

    @cached_property
    def methods(self) -> list[Method]:
        """Return all methods that are done, in the order of the paper's table."""
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
        done_subsets = [
            name for name, members in subsets.items() if {f"policies/{member}" for member in members} <= self.done
        ]
        own = [Method("vote", "vote", "vote"), Method(SOFT_VOTE, "vote", "vote")]
        return [*own, *(Method(f"vote {name}", "vote", None) for name in done_subsets)]

    def method(self, name: str) -> Method:
        """Return the finished method of this name. Raises KeyError if there is none."""
        return {method.name: method for method in self.methods}[name]

    def members(self, vote: Method) -> tuple[str, ...]:
        """Return the names of the policies whose decisions or probabilities a vote counts."""
        return self.experiment.vote_members if vote.folder else self._subset(vote)

    def policies_of(self, method: Method) -> tuple[str, ...]:
        """Return the names of the policies in a method: itself, or the members of a vote; none in an expert."""
        if method.name in self.experiment.experts:
            return ()
        return self.members(method) if method.kind == "vote" else (method.name,)

    def _subset(self, vote: Method) -> tuple[str, ...]:
        return self.experiment.vote.subsets[vote.name.removeprefix("vote ")]

    @property
    def experts(self) -> list[Method]:
        return [method for method in self.methods if method.kind in ("image", "text", "joint")]

    @cached_property
    def targets(self) -> dict[str, np.ndarray]:
        """Return the labels of each split (see `metrics.decisions`), -1 where they are unknown or do not count."""
        test = self.dataset.evaluation_splits["test"]
        given = read_test_labels(self.experiment.catalogue, self.dataset.products, self.dataset.left_out)
        labels = test["label"].fillna(given.reindex(test.index))
        return {
            self.dataset.fusion_split: fusion_targets(self.experiment, self.dataset),
            "test": self.dataset.targets(test.assign(label=labels)),
        }

    @property
    def splits(self) -> list[str]:
        """Return the splits that have at least one known label."""
        return [split for split, targets in self.targets.items() if is_known(targets).any()]

    @property
    def final_split(self) -> str:
        """Return the split that methods are compared on: test, or `fusion_split` if no test label is known."""
        return self.splits[-1]

    def known(self, split: str) -> np.ndarray:
        """Return the (N,) mask of the products with a label that counts."""
        return is_known(self.targets[split])

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of all metrics; methods are chosen by the first."""
        chosen = self.experiment.chosen_by
        return (chosen, *(metric for metric in metrics_of(next(iter(self.targets.values()))) if metric != chosen))

    def preds(self, method: Method, split: str) -> np.ndarray:
        """Return a method's decisions (see `metrics.decisions`)."""
        if (method, split) not in self._cached_preds:  # every score table needs them
            decided = self._preds(method, split)
            self._cached_preds.update({(method, name): preds for name, preds in decided.items()})
        return self._cached_preds[method, split]

    @cached_property
    def _cached_preds(self) -> dict[tuple[Method, str], np.ndarray]:
        return {}

    def _preds(self, method: Method, split: str) -> dict[str, np.ndarray]:
        """Return a method's decisions by split: of this split, or of all where they are taken together."""
        if method.folder is None:
            members = member_decisions(self.experiment, self.dataset, self._subset(method), split)
            return {split: majority_vote(*members)}
        if method.kind in ("policy", "rule") or method.name == "vote":
            return {split: read_preds(self.experiment.run_root / method.folder, split, self.dataset)}
        probs = {name: self.probs(method, name) for name in self.dataset.evaluation_splits}
        return decide_splits(self.dataset, probs, self.label_thresholds(method))

    def label_thresholds(self, method: Method) -> LabelThresholds | None:
        """Return the thresholds of an expert or the soft vote, None if they are a half; policies have their own."""
        return learn_label_thresholds(self.experiment, self.dataset, self.probs(method, self.dataset.fusion_split))

    def probs(self, method: Method, split: str) -> np.ndarray:
        """Return a method's (N, C) probabilities; for the votes, the mean of the members' probabilities."""
        if method.folder is None:
            members = self._subset(method)
            _, summed = member_decisions(self.experiment, self.dataset, members, split)
            return (summed / len(members)).astype(np.float32)
        return read_split_probs(self.experiment.run_root / method.folder, split, self.dataset)

    def all_preds(self) -> Iterator[tuple[Method, str, np.ndarray]]:
        """Yield (method, split, decisions) for all methods and splits."""
        for split in self.splits:
            for method in self.methods:
                yield method, split, self.preds(method, split)

"""Decision-level fusion: fit the policies of an experiment on the validation products, and write their decisions."""

import logging
from collections.abc import Iterable, Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np

from latefusion.config import Experiment, PolicyConfig
from latefusion.fusion.inputs import FusionInputs, restored_inputs
from latefusion.fusion.kinds import POLICIES, FittedPolicy
from latefusion.metrics.f1 import split_scores
from latefusion.plan.jobs import Job
from latefusion.tables.artifacts import read_json_object
from latefusion.tables.dataset import Dataset
from latefusion.tables.label_issues import fusion_targets
from latefusion.tables.predictions import write_predictions
from latefusion.tables.probabilities import read_nested_probs, read_split_probs, write_probs
from latefusion.utils.files import write_json

logger = logging.getLogger(__name__)
BLOCK = 2_000_000  # probabilities (products x classes) of one table that are processed at a time


class PolicyTrainer:
    """Fits the policies of an experiment to its experts' probabilities."""

    def __init__(self, experiment: Experiment, dataset: Dataset, pending: Iterable[str]):
        """Prepare to fit the policies in `pending`; a group is fitted when `fit` is called for its first policy."""
        self.experiment, self.dataset = experiment, dataset
        self.targets = fusion_targets(experiment, dataset)
        self._learnt_table = cache(partial(self._read, dataset.fusion_split))
        self._nested_table = cache(self._read_nested)
        self._groups = self._group(pending)
        self._fitted: dict[str, FittedPolicy] = {}

    def _group(self, pending: Iterable[str]) -> list[list[str]]:
        """Return the names of the policies in groups that are fitted together."""
        by_kind: dict[str, dict[str, FusionInputs]] = {}
        for name in pending:
            by_kind.setdefault(self._policy(name).kind, {})[name] = self.inputs(name)
        return [group for kind, policies in by_kind.items() for group in POLICIES[kind].groups(policies)]

    def _policy(self, name: str) -> PolicyConfig:
        return self.experiment.policies[name]

    def _read(self, split: str, expert: str) -> np.ndarray:
        return read_split_probs(self.experiment.expert_dir(expert), split, self.dataset)

    def _read_nested(self, fold: int, expert: str) -> np.ndarray:
        return read_nested_probs(self.experiment.expert_dir(expert), fold, self.dataset)

    def inputs(self, name: str) -> FusionInputs:
        """Return the training data of a policy."""
        policy = self._policy(name)
        tables = tuple(map(self._learnt_table, policy.experts))
        folds = self.dataset.fusion_folds(policy.n_folds)
        if not self.dataset.split.nested:
            return FusionInputs(policy, tables, self.targets, folds)
        nested = tuple(tuple(self._nested_table(fold, one) for one in policy.experts) for fold in np.unique(folds))
        return FusionInputs(policy.model_copy(update={"n_folds": len(nested)}), tables, self.targets, folds, nested)

    def fit(self, name: str) -> FittedPolicy:
        """Return the fitted policy, once; the first call for a policy of a group fits the whole group."""
        if name not in self._fitted:
            group = next((names for names in self._groups if name in names), [name])
            fitted = POLICIES[self._policy(name).kind].fit([self.inputs(member) for member in group])
            self._fitted |= dict(zip(group, fitted, strict=True))
        return self._fitted.pop(name)

    def train(self, job: Job) -> None:
        """Fit a policy and write its run folder: metrics, out-of-fold and test decisions."""
        fitted = self.fit(job.name)
        oof_preds = fitted.oof_probs.argmax(axis=1)
        learnt, splits, classes = self.dataset.fusion_split, self.dataset.evaluation_splits, self.dataset.classes
        write_predictions(job.run_dir, learnt, splits[learnt].index, oof_preds, fitted.oof_probs, classes)
        selected = getattr(fitted, "selected_probs", None)  # of network policies
        if selected is not None:
            write_probs(job.run_dir / f"{learnt}_selected_probs.parquet", splits[learnt].index, selected, classes)
        test_tables = tuple(self._read("test", expert) for expert in self._policy(job.name).experts)
        preds, probs = decide(fitted, test_tables)
        write_predictions(job.run_dir, "test", splits["test"].index, preds, probs, classes)
        fitted.save(job.run_dir)
        scores = split_scores(learnt, self.targets, oof_preds)
        write_json(job.run_dir / "metrics.json", scores | policy_facts(fitted))
        logger.info("%s: %s_macro_f1 %.4f", job.name, learnt, scores[f"{learnt}_macro_f1"])


def policy_facts(fitted: FittedPolicy) -> dict:
    """Return what metrics.json says about a policy beside its scores; `load_policy` reads it.

    With `calibrate`, also each expert's temperatures: one per fold, then the one learnt on all.
    """
    inputs, policy = fitted.inputs, fitted.inputs.policy
    facts = {"n_folds": policy.n_folds} | fitted.facts
    if policy.calibrate:
        facts["temperatures"] = dict(zip(policy.experts, inputs.temperatures.T.tolist(), strict=True))
    return facts


def load_policy(policy: PolicyConfig, num_classes: int, run_dir: Path) -> FittedPolicy:
    """Return the policy whose run folder, or a copy of it, is `run_dir`, to decide on any products."""
    facts = read_json_object(run_dir / "metrics.json")
    temperatures = facts.get("temperatures")
    by_expert = None if temperatures is None else np.array([temperatures[name] for name in policy.experts]).T
    n_folds = facts["n_folds"]  # with nested folds those of the experts
    inputs = restored_inputs(policy.model_copy(update={"n_folds": n_folds}), num_classes, by_expert)
    return POLICIES[policy.kind].load(inputs, run_dir, facts)


def fit_alone(inputs: FusionInputs) -> FittedPolicy:
    """Fit one policy of any kind."""
    return POLICIES[inputs.policy.kind].fit([inputs])[0]


def decide(fitted: FittedPolicy, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) class numbers and (N, C) probabilities, computed block by block.

    The probabilities of all eight networks for all products may not fit into memory.
    """
    size = max(1, BLOCK // tables[0].shape[1])
    blocks = [fitted.decide(tuple(table[rows] for table in tables)) for rows in _slices(len(tables[0]), size)]
    return tuple(np.concatenate(arrays) for arrays in zip(*blocks, strict=True))


def _slices(length: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, length, size))

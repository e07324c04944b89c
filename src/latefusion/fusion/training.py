"""Decision-level fusion: fit the policies of an experiment on the validation products, and write their decisions."""

import logging
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from latefusion.config import Experiment, PolicyConfig
from latefusion.fusion.asked import write_asked
from latefusion.fusion.deciding import Asks, asked_on, decide
from latefusion.fusion.inputs import FusionInputs, RawProducts, restored_inputs
from latefusion.fusion.kinds import POLICIES, FittedPolicy, fit_all
from latefusion.fusion.on_demand import Part
from latefusion.metrics.f1 import split_scores
from latefusion.plan.jobs import Job
from latefusion.plan.records import verified
from latefusion.tables.artifacts import read_json_object
from latefusion.tables.dataset import Dataset
from latefusion.tables.label_issues import fusion_targets
from latefusion.tables.label_thresholds import decide_splits, learn_label_thresholds, thresholds_by_class
from latefusion.tables.predictions import read_preds, write_predictions
from latefusion.tables.probabilities import read_nested_probs, read_probs, read_split_probs, write_probs
from latefusion.utils.files import write_json

if TYPE_CHECKING:
    from latefusion.experts.context import Context

logger = logging.getLogger(__name__)


class PolicyTrainer:
    """Fits the policies of an experiment to its experts' probabilities."""

    def __init__(
        self,
        experiment: Experiment,
        dataset: Dataset,
        pending: Iterable[str],
        context: "Callable[[], Context] | None" = None,
    ):
        """Prepare to fit the policies in `pending`; a group is fitted when `fit` is called for its first policy.

        `context` is called if one of them trains a network of its own on the products.
        """
        self.experiment, self.dataset, self._context = experiment, dataset, context
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
        folds, metric = self.dataset.fusion_folds(policy.n_folds), self.experiment.chosen_by
        how = self.experiment.label_thresholds
        members, raw = tuple(map(self._part, policy.sources.values())), None
        if policy.own_network is not None and self._context is not None:
            raw = RawProducts(self._context, self.dataset, self.experiment.policy_dir(name))
        nested: tuple[tuple[np.ndarray, ...], ...] = ()
        if self.dataset.split.nested:
            nested = tuple(tuple(self._nested_table(fold, one) for one in policy.experts) for fold in np.unique(folds))
            policy = policy.model_copy(update={"n_folds": len(nested)})
        return FusionInputs(policy, tables, self.targets, folds, nested, metric, how, members, raw)

    def _part(self, name: str) -> Part:
        """Return an expert, or a policy whose job is done, as a part of another policy."""
        if name in self.experiment.experts:
            return self._expert_part(self._learnt_table(name))
        run_dir, dataset = self.experiment.policy_dir(name), self.dataset
        fitted = load_policy(self._policy(name), len(dataset.classes), run_dir, several=dataset.several)
        path, ids = run_dir / _selected_table(dataset.fusion_split), dataset.fusion_products.index
        selected = None
        if path.is_file():
            selected = read_probs(verified(run_dir, path.name), ids, dataset.classes, several=dataset.several)
        probs, preds = (read(run_dir, dataset.fusion_split, dataset) for read in (read_split_probs, read_preds))
        return Part(probs, fitted, selected, preds, label_thresholds_of(run_dir))

    def _expert_part(self, probs: np.ndarray) -> Part:
        thresholds = learn_label_thresholds(self.experiment, self.dataset, probs)
        preds = decide_splits(self.dataset, {self.dataset.fusion_split: probs}, thresholds)[self.dataset.fusion_split]
        return Part(probs, None, oof_preds=preds, thresholds=None if thresholds is None else thresholds.final)

    def fit(self, name: str) -> FittedPolicy:
        """Return the fitted policy, once; the first call for a policy of a group fits the whole group."""
        if name not in self._fitted:
            group = next((names for names in self._groups if name in names), [name])
            fitted = POLICIES[self._policy(name).kind].fit([self.inputs(member) for member in group])
            self._fitted |= dict(zip(group, fitted, strict=True))
        return self._fitted.pop(name)

    def train(self, job: Job) -> None:
        """Fit a policy and write its run folder: metrics, out-of-fold and test decisions."""
        fitted, facts = self.fit(job.name), {}
        learnt, splits = self.dataset.fusion_split, self.dataset.evaluation_splits
        test_tables = tuple(self._read("test", expert) for expert in self._policy(job.name).experts)
        test_tables += getattr(fitted, "test_tables", ())  # of policies with a network of their own
        test_preds, test_probs = decide(fitted, test_tables)
        probs = {learnt: fitted.oof_probs, "test": test_probs}
        selected = getattr(fitted, "selected_probs", None)  # of network policies
        preds = {learnt: getattr(fitted, "oof_preds", None), "test": test_preds}  # of networks, the vote of the folds
        if preds[learnt] is None:
            thresholds = learn_label_thresholds(self.experiment, self.dataset, fitted.oof_probs, selected)
            facts = {} if thresholds is None else {"label_thresholds": thresholds_by_class(self.dataset, thresholds)}
            decided = decide_splits(self.dataset, probs, thresholds)
            preds = decided if self.dataset.several else preds | {learnt: decided[learnt]}
        for split, products in splits.items():
            write_predictions(job.run_dir, split, products.index, preds[split], probs[split], self.dataset.classes)
        if selected is not None:
            path = job.run_dir / _selected_table(learnt)
            write_probs(path, splits[learnt].index, selected, self.dataset.classes, several=self.dataset.several)
        if isinstance(fitted, Asks):
            write_asked(job.run_dir, learnt, splits[learnt].index, fitted.oof_asked)
            write_asked(job.run_dir, "test", splits["test"].index, asked_on(fitted, test_tables))
        fitted.save(job.run_dir)
        scores = split_scores(learnt, self.targets, preds[learnt])
        write_json(job.run_dir / "metrics.json", scores | policy_facts(fitted) | facts)
        metric = f"{learnt}_{self.experiment.chosen_by}"
        logger.info("%s: %s %.4f", job.name, metric, scores[metric])


def _selected_table(split: str) -> str:
    return f"{split}_selected_probs.parquet"


def policy_facts(fitted: FittedPolicy) -> dict:
    """Return what metrics.json says about a policy beside its scores; `load_policy` reads it.

    With `calibrate`, also each expert's temperatures: one per fold, then the one learnt on all.
    """
    inputs, policy = fitted.inputs, fitted.inputs.policy
    facts = {"n_folds": policy.n_folds} | fitted.facts
    if policy.calibrate:
        facts["temperatures"] = dict(zip(policy.experts, inputs.temperatures.T.tolist(), strict=True))
    return facts


def save_policy(fitted: FittedPolicy, folder: Path, label_thresholds: dict[str, float] | None = None) -> None:
    """Write what `load_policy` and `label_thresholds_of` read to a new folder."""
    folder.mkdir(parents=True)
    fitted.save(folder)
    thresholds = {} if label_thresholds is None else {"label_thresholds": label_thresholds}
    write_json(folder / "metrics.json", policy_facts(fitted) | thresholds)


def load_policy(policy: PolicyConfig, num_classes: int, run_dir: Path, *, several: bool = False) -> FittedPolicy:
    """Return the policy whose run folder, or a copy of it, is `run_dir`, to decide on any products.

    `several`: whether products have several labels; then it decides with thresholds of a half.
    """
    facts = read_json_object(run_dir / "metrics.json")
    temperatures = facts.get("temperatures")
    by_expert = None if temperatures is None else np.array([temperatures[name] for name in policy.experts]).T
    n_folds = facts["n_folds"]  # with nested folds those of the experts
    policy = policy.model_copy(update={"n_folds": n_folds})
    inputs = restored_inputs(policy, num_classes, by_expert, several=several)
    return POLICIES[policy.kind].load(inputs, run_dir, facts)


def label_thresholds_of(run_dir: Path) -> np.ndarray | None:
    """Return the (C,) learnt thresholds of a policy's run folder, or a copy of it; None if they are a half."""
    thresholds = read_json_object(run_dir / "metrics.json").get("label_thresholds")
    return None if thresholds is None else np.array(list(thresholds.values()))


def fit_alone(inputs: FusionInputs) -> FittedPolicy:
    """Fit one policy of any kind."""
    return fit_all([inputs])[0]

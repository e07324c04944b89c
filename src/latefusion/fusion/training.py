"""Decision-level fusion of an experiment: its policies learn on the validation products, and vote."""

import logging
from collections.abc import Iterator
from functools import cache, partial
from typing import Protocol

import numpy as np

from latefusion.config import Experiment
from latefusion.fusion.inputs import FusionInputs
from latefusion.fusion.networks import FittedNetworks, fit_networks, stacks
from latefusion.fusion.rules import fit_rule
from latefusion.fusion.stacking import fit_stacking
from latefusion.metrics.f1 import valid_scores
from latefusion.plan.jobs import Job, jobs_of, plan
from latefusion.plan.records import finished_run
from latefusion.plan.runner import run_jobs
from latefusion.tables.dataset import Dataset, read_dataset
from latefusion.tables.label_issues import valid_targets
from latefusion.tables.predictions import write_decisions
from latefusion.tables.probabilities import read_part_probs
from latefusion.utils.files import write_json
from latefusion.utils.weights import save_weights

logger = logging.getLogger(__name__)
BLOCK = 2_000_000  # probabilities of one table that are decided on at a time


def fuse_policies(experiment: Experiment, only: str | None) -> None:
    """Do the policies that are not done yet, or the one that `only` names."""
    script, jobs = "07_fuse.py", plan(experiment)
    benches: dict[tuple, PolicyTrainer] = {}

    def leave(job: Job) -> None:
        """Do a policy with those that are to do beside it, as long as their experts stay what they are."""
        runs = tuple(finished_run(experiment.run_root / expert) for expert in experiment.experts)
        if runs not in benches:
            pending = [job.name for job in jobs_of(jobs, script, only) if _can_be_done(job)]
            benches[runs] = PolicyTrainer(experiment, read_dataset(experiment), pending)
        benches[runs].leave(job)

    run_jobs(jobs, script, leave, only)


def _can_be_done(job: Job) -> bool:
    return job.state() != "done" and all(need.state() == "done" for need in job.needs)


class FittedPolicy(Protocol):
    """What a policy of any kind has learnt."""

    evidence: FusionInputs
    oof_probs: np.ndarray  # (N_valid, C), each product's by what was learnt on other folds
    facts: dict  # for metrics.json

    def decide(self, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return (N,) class numbers and (N, C) probabilities of products by their experts' (N, C) probabilities."""


class PolicyTrainer:
    """The policies of an experiment at work on its experts' probabilities."""

    def __init__(self, experiment: Experiment, dataset: Dataset, pending: list[str]):
        """Take the names of the policies to do: networks of one shape are trained together, when the first is asked."""
        self.experiment, self.dataset = experiment, dataset
        self.targets = valid_targets(experiment, dataset)
        self._valid_table = cache(partial(self._read, "valid"))
        self._stacks = stacks({name: self.evidence(name) for name in pending if self._policy(name).kind == "network"})
        self._networks: dict[str, FittedNetworks] = {}

    def _policy(self, name: str):
        return self.experiment.policies[name]

    def _read(self, part: str, expert: str) -> np.ndarray:
        return read_part_probs(self.experiment.run_root / expert, part, self.dataset)

    def evidence(self, name: str) -> FusionInputs:
        """Return what a policy learns from."""
        policy = self._policy(name)
        tables = tuple(map(self._valid_table, policy.experts))
        return FusionInputs(policy, tables, self.targets, self.dataset.valid_folds(policy.n_folds))

    def fit(self, name: str) -> FittedPolicy:
        """Fit a policy; a network together with all that are stacked with it."""
        if self._policy(name).kind != "network":
            return fit_alone(self.evidence(name))
        if name not in self._networks:
            together = next((names for names in self._stacks if name in names), [name])
            fitted = fit_networks([self.evidence(one) for one in together])
            self._networks |= dict(zip(together, fitted, strict=True))
        return self._networks.pop(name)

    def leave(self, job: Job) -> None:
        """Fit a policy and leave its run folder: decisions on validation (out of fold) and test products."""
        fitted = self.fit(job.name)
        oof_preds = fitted.oof_probs.argmax(axis=1)
        parts, classes = self.dataset.evaluation_parts, self.dataset.classes
        write_decisions(job.run_dir, "valid", parts["valid"].index, oof_preds, fitted.oof_probs, classes)
        test_tables = tuple(self._read("test", expert) for expert in self._policy(job.name).experts)
        preds, probs = decide(fitted, test_tables)
        write_decisions(job.run_dir, "test", parts["test"].index, preds, probs, classes)
        if isinstance(fitted, FittedNetworks):
            save_weights(fitted.weights, job.run_dir / "model.safetensors")
        scores = valid_scores(self.targets, oof_preds)
        write_json(job.run_dir / "metrics.json", scores | fitted.facts | self._temperatures(fitted.evidence))
        logger.info("%s: valid_macro_f1 %.4f", job.name, scores["valid_macro_f1"])

    def _temperatures(self, evidence: FusionInputs) -> dict:
        """Return each expert's temperatures: for each fold, and learnt on all."""
        policy = evidence.policy
        if not policy.calibrate:
            return {}
        return {"temperatures": dict(zip(policy.experts, evidence.temperatures.T.tolist(), strict=True))}


def fit_alone(evidence: FusionInputs) -> FittedPolicy:
    """Fit one policy of any kind."""
    kind = evidence.policy.kind
    if kind == "network":
        return fit_networks([evidence])[0]
    return fit_stacking(evidence) if kind in ("logistic", "boosting") else fit_rule(evidence)


def decide(fitted: FittedPolicy, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Decide on products block by block: eight networks' probabilities of all at once may not fit into memory."""
    size = max(1, BLOCK // tables[0].shape[1])
    blocks = [fitted.decide(tuple(table[rows] for table in tables)) for rows in _slices(len(tables[0]), size)]
    return tuple(np.concatenate(parts) for parts in zip(*blocks, strict=True))


def _slices(length: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, length, size))

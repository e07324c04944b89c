"""Decision-level fusion of an experiment: train its policies on the validation products, and let them vote."""

import logging
from functools import partial

import numpy as np

from latefusion.config import Experiment
from latefusion.files import write_json
from latefusion.fusion.decisions import read_decisions, write_decisions
from latefusion.fusion.vote import majority_vote
from latefusion.jobs import Job
from latefusion.metrics import macro_f1
from latefusion.prepare import Prepared
from latefusion.probs import read_probs
from latefusion.split import assign_folds

logger = logging.getLogger(__name__)


def fuse(experiment: Experiment, prepared: Prepared, job: Job) -> None:
    """Train a policy by cross-validation on the validation products; its networks vote on the test products."""
    from latefusion.fusion.policy_net import fit_policy  # imports torch, which the vote does not need
    from latefusion.weights import save_weights

    policy = experiment.policies[job.name]
    parts = prepared.evaluation_parts
    targets = prepared.targets(parts["valid"])
    inputs = partial(read_inputs, experiment, prepared, policy.experts)
    folds = assign_folds(targets, policy.n_folds, policy.seed)
    fitted = fit_policy(inputs("valid"), targets, folds, len(prepared.classes), policy)
    oof_preds = fitted.oof_probs.argmax(axis=1)
    write_decisions(job.run_dir, "valid", parts["valid"].index, oof_preds, fitted.oof_probs, prepared.classes)
    fold_probs = fitted.fold_probs(inputs("test"))
    preds = majority_vote(fold_probs.argmax(axis=2), fold_probs)
    write_decisions(job.run_dir, "test", parts["test"].index, preds, fold_probs.mean(axis=0), prepared.classes)
    save_weights(fitted.net, job.run_dir / "model.safetensors")
    scores = {"valid_macro_f1": macro_f1(targets, oof_preds), "best_epochs": fitted.best_epochs}
    write_json(job.run_dir / "metrics.json", scores)
    logger.info("%s: valid_macro_f1 %.4f", job.name, scores["valid_macro_f1"])


def read_inputs(experiment: Experiment, prepared: Prepared, experts: tuple[str, ...], part: str) -> np.ndarray:
    """Return the experts' probabilities side by side, (N, experts x C), in the catalogue's order."""
    ids = prepared.evaluation_parts[part].index
    tables = [
        read_probs(experiment.run_root / name / f"{part}_probs.parquet", ids, prepared.classes) for name in experts
    ]
    return np.concatenate(tables, axis=1)


def vote(experiment: Experiment, prepared: Prepared, job: Job) -> None:
    """Let the members vote on validation and test products."""
    for part, products in prepared.evaluation_parts.items():
        members = [read_decisions(experiment.run_root / name, part, prepared) for name in experiment.vote_members]
        preds = np.stack([preds for preds, _ in members])
        probs = np.stack([probs for _, probs in members])
        decided = majority_vote(preds, probs)
        write_decisions(job.run_dir, part, products.index, decided, probs.mean(axis=0), prepared.classes)

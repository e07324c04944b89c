"""Majority vote; ties go to the highest summed probability, then to the lowest class code.

Of several labels, each label is put to the vote: it is assigned by more than half of the members, or by half of them if
its mean probability is at least a half. The first label is the one that is most often the first.
"""

import numpy as np

from latefusion.config import Experiment
from latefusion.metrics.decisions import ASSIGNED, FIRST, HALF, decide
from latefusion.plan.jobs import Job
from latefusion.tables.dataset import Dataset
from latefusion.tables.predictions import read_preds, write_predictions
from latefusion.tables.probabilities import read_split_probs


def majority_vote(preds: np.ndarray, summed: np.ndarray) -> np.ndarray:
    """Return the decisions of a vote from the members' M decisions and the (N, C) sum of their probabilities.

    `preds`: (M, N) class numbers, or (M, N, C) several labels (see `metrics.decisions`).
    """
    if preds.ndim == 3:
        return _vote_on_labels(preds, summed)
    rows = np.arange(preds.shape[1])
    votes = np.zeros(summed.shape, dtype=np.int16)
    for member in preds:
        votes[rows, member] += 1
    return _leading(votes, summed)


def _leading(votes: np.ndarray, summed: np.ndarray) -> np.ndarray:
    """Return (N,) class numbers: those with the most of the (N, C) votes."""
    leads = votes == votes.max(axis=1, keepdims=True)
    # If the sums are equal too, argmax takes the first class; classes are in the order of their codes.
    return np.where(leads, summed, -np.inf).argmax(axis=1)


def _vote_on_labels(preds: np.ndarray, summed: np.ndarray) -> np.ndarray:
    n_members = len(preds)
    assigned, firsts = ((preds >= least).sum(axis=0, dtype=np.int16) for least in (ASSIGNED, FIRST))  # (N, C)
    voted = (2 * assigned > n_members) | ((2 * assigned == n_members) & (summed >= HALF * n_members))
    decided = voted.astype(np.int8)
    decided[np.arange(len(decided)), _leading(firsts, summed)] = FIRST
    return decided


def combine(preds: np.ndarray, summed: np.ndarray, *, soft: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return the decisions and mean probabilities (N, C) of a vote; arguments as of `majority_vote`.

    `soft`: the mean probabilities decide, instead of the majority.
    """
    mean = (summed / len(preds)).astype(np.float32)
    return decide(mean, several=preds.ndim == 3) if soft else majority_vote(preds, summed), mean


def vote(experiment: Experiment, dataset: Dataset, job: Job) -> None:
    """Write the vote's decisions and mean probabilities on all products to predict to its run folder."""
    for split, products in dataset.evaluation_splits.items():
        preds, summed = member_decisions(experiment, dataset, experiment.vote_members, split)
        write_predictions(job.run_dir, split, products.index, *combine(preds, summed), dataset.classes)


def member_decisions(experiment: Experiment, dataset: Dataset, members: tuple[str, ...], split: str):
    """Return the members' M decisions and the sum of their probabilities (N, C); reads one table at a time."""
    run_dirs = [experiment.policy_dir(name) for name in members]
    summed = 0.0
    for run_dir in run_dirs:
        summed = summed + read_split_probs(run_dir, split, dataset).astype(np.float64)
    return np.stack([read_preds(run_dir, split, dataset) for run_dir in run_dirs]), summed

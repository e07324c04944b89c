"""Majority vote: most votes, then the highest summed probability, then the lowest code."""

import numpy as np

from latefusion.config import Experiment
from latefusion.fusion.decisions import read_decisions, write_decisions
from latefusion.jobs import Job
from latefusion.prepare import Prepared


def majority_vote(preds: np.ndarray, summed: np.ndarray) -> np.ndarray:
    """Return (N,) class numbers from the members' (M, N) decisions and the (N, C) sum of their probabilities."""
    rows = np.arange(preds.shape[1])
    votes = np.zeros(summed.shape, dtype=np.int16)
    for member in preds:
        votes[rows, member] += 1
    leads = votes == votes.max(axis=1, keepdims=True)
    return np.where(leads, summed, -np.inf).argmax(
        axis=1
    )  # argmax takes the first: classes are in order of their codes


def vote(experiment: Experiment, prepared: Prepared, job: Job) -> None:
    """Let the members vote on validation and test products."""
    for part, products in prepared.evaluation_parts.items():
        preds, summed = ballots(experiment, prepared, experiment.vote_members, part)
        mean = (summed / len(preds)).astype(np.float32)
        write_decisions(job.run_dir, part, products.index, majority_vote(preds, summed), mean, prepared.classes)


def ballots(experiment: Experiment, prepared: Prepared, members: tuple[str, ...], part: str):
    """Return the members' decisions (M, N) and the sum of their probabilities (N, C), one table in memory at a time."""
    preds, summed = [], 0.0
    for name in members:
        decided, probs = read_decisions(experiment.run_root / name, part, prepared)
        preds.append(decided)
        summed = summed + probs.astype(np.float64)
    return np.stack(preds), summed

"""Scores by number of voting members: the votes of random subsets of the vote's members."""

from collections.abc import Iterable
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from latefusion.fusion.vote import majority_vote
from latefusion.metrics.f1 import score
from latefusion.scores.results import Results
from latefusion.tables.predictions import read_preds
from latefusion.tables.probabilities import read_split_probs


def votes_by_size(results: Results, split: str, *, draws: int = 100, seed: int = 0) -> pd.DataFrame:
    """Return one row per subset of the vote's members: `size`, `members`, and the `score` of its vote on a split.

    All subsets of each size are scored, or `draws` random ones if there are more.
    """
    experiment, dataset = results.experiment, results.dataset
    members, known = experiment.vote_members, results.known(split)
    targets = results.targets[split][known]
    run_dirs = [experiment.policy_dir(name) for name in members]
    preds = np.stack([read_preds(run_dir, split, dataset) for run_dir in run_dirs])
    tables = (read_split_probs(run_dir, split, dataset) for run_dir in run_dirs)
    leaders = CandidateVotes(preds[:, known], (table[known] for table in tables))
    rng, rows = np.random.default_rng(seed), []
    for size in range(1, len(members) + 1):
        for subset in draw_subsets(len(members), size, draws, rng):
            value = score(experiment.chosen_by, targets, leaders.vote(subset))
            rows.append((size, tuple(members[number] for number in subset), value))
    return pd.DataFrame(rows, columns=["size", "members", "score"])


def draw_subsets(n: int, size: int, draws: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Return all subsets of `size` of the numbers 0 .. n-1, or `draws` different ones if there are more."""
    if comb(n, size) <= draws:
        return list(combinations(range(n), size))
    drawn: set[tuple[int, ...]] = set()
    while len(drawn) < draws:
        drawn.add(tuple(sorted(rng.choice(n, size, replace=False).tolist())))
    return sorted(drawn)


class CandidateVotes:
    """The members' decisions and probabilities, for each product only on its candidates: the classes with any vote.

    No other class can win. A product has at most M candidates for M members, so votes of a thousand subsets need no
    sums of full (N, C) tables, which are large for thousands of classes. Of several labels, they are all classes that
    any member assigns.
    """

    def __init__(self, preds: np.ndarray, tables: Iterable[np.ndarray]):
        """Read the members' decisions (M, ...), and their (N, C) probabilities one table after the other."""
        self.shape = preds.shape[1:]
        if preds.ndim == 3:
            assigned = (preds > 0).any(axis=0)
            most = int(assigned.sum(axis=1).max(initial=1))
            # (N, K): the candidates in the order of the classes, and where there are fewer, classes without a vote
            self.classes = np.argsort(~assigned, axis=1, kind="stable")[:, :most]
            self.indices = np.take_along_axis(preds, self.classes[None], axis=2)  # (M, N, K)
        else:
            self.classes = np.sort(preds, axis=0).T  # (N, M), sorted for ties; a class may occur more than once
            # (M, N): the index of each decision in its product's row of `classes`; of equal classes, the first
            self.indices = (self.classes[None] < preds[..., None]).sum(axis=2)
        self.probs = np.stack([np.take_along_axis(table, self.classes, axis=1) for table in tables])  # (M, N, M)

    def vote(self, subset: tuple[int, ...]) -> np.ndarray:
        """Return the majority vote of these members (by number)."""
        chosen = list(subset)
        winners = majority_vote(self.indices[chosen], self.probs[chosen].sum(axis=0, dtype=np.float64))
        if winners.ndim == 1:
            return self.classes[np.arange(len(winners)), winners]
        decided = np.zeros(self.shape, dtype=winners.dtype)
        np.put_along_axis(decided, self.classes, winners, axis=1)
        return decided

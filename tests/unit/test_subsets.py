"""Subsets of the vote's members: drawn once each, and voting exactly as the vote itself does."""

from math import comb

import numpy as np
import pytest

from latefusion.fusion.vote import majority_vote
from latefusion.scores.subsets import CandidateVotes, draw_subsets


def test_all_subsets_are_drawn_where_they_are_few_and_different_ones_where_they_are_many():
    rng = np.random.default_rng(0)
    assert draw_subsets(4, 2, 10, rng) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    drawn = draw_subsets(12, 6, 50, rng)
    assert len(set(drawn)) == 50 < comb(12, 6)
    assert all(len(set(subset)) == 6 and subset == tuple(sorted(subset)) for subset in drawn)
    assert {number for subset in drawn for number in subset} == set(range(12))


@pytest.mark.parametrize("num_classes", [2, 40])
def test_a_subset_votes_as_the_vote_would(num_classes):
    """Ties of votes and of probabilities included: few classes, and probabilities of a few sizes."""
    rng = np.random.default_rng(0)
    tables = rng.integers(1, 4, (6, 500, num_classes)).astype(np.float32)
    preds = rng.integers(num_classes, size=(6, 500))
    leaders = CandidateVotes(preds, iter(tables))
    for size in range(1, 7):
        for subset in draw_subsets(6, size, 10, rng):
            chosen = list(subset)
            expected = majority_vote(preds[chosen], tables[chosen].astype(np.float64).sum(axis=0))
            assert np.array_equal(leaders.vote(subset), expected)

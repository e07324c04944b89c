"""Subsets of the vote's members: drawn once each, and voting exactly as the vote itself does."""

from math import comb

import numpy as np
import pandas as pd
import pytest

from latefusion.config import load_experiment
from latefusion.fusion.vote import majority_vote
from latefusion.scores.results import Results
from latefusion.scores.subsets import Leaders, draw_subsets, votes_by_size
from latefusion.tables.dataset import read_dataset


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
    leaders = Leaders(preds, iter(tables))
    for size in range(1, 7):
        for subset in draw_subsets(6, size, 10, rng):
            chosen = list(subset)
            expected = majority_vote(preds[chosen], tables[chosen].astype(np.float64).sum(axis=0))
            assert np.array_equal(leaders.vote(subset), expected)


def test_all_members_score_as_the_vote_and_each_alone_as_itself(trained_run, monkeypatch):
    monkeypatch.chdir(trained_run.folder)
    experiment = load_experiment(trained_run.config)
    results = Results(experiment, read_dataset(experiment))
    scores = pd.read_csv(trained_run.run_root / "scores/scores.csv").set_index(["method", "split", "metric"])["value"]
    for part in ("valid", "test"):
        table = votes_by_size(results, part)
        assert table["size"].tolist() == [1, 1, 2]
        expected = [scores[name, part, "macro_f1"] for name in ("one_layer", "two_layers", "vote")]
        assert table["macro_f1"].tolist() == pytest.approx(expected)
        assert table["members"].tolist() == [("one_layer",), ("two_layers",), ("one_layer", "two_layers")]

"""What the notebooks compute from a finished run: mistakes, and votes of subsets of the members."""

import pandas as pd
import pytest

from latefusion.scores.confusion import mistakes
from latefusion.scores.results import Method, Results
from latefusion.scores.subsets import votes_by_size
from latefusion.tables.dataset import read_dataset


def test_mistakes_are_the_products_that_are_wrong_the_surest_first(trained_run, monkeypatch):
    monkeypatch.chdir(trained_run.folder)
    experiment = trained_run.experiment()
    results = Results(experiment, read_dataset(experiment))
    vote = Method("vote", "vote", "vote")
    wrong = mistakes(results, vote, "test")
    preds, targets = results.preds(vote, "test"), results.targets["test"]
    assert len(wrong) == (preds != targets).sum() > 0
    assert wrong["confidence"].is_monotonic_decreasing
    rows = results.dataset.evaluation_splits["test"].index.get_indexer(wrong.index)
    assert [results.dataset.classes[number] for number in preds[rows]] == wrong["decided"].tolist()
    assert [results.dataset.classes[number] for number in targets[rows]] == wrong["label"].tolist()


def test_all_members_score_as_the_vote_and_each_alone_as_itself(trained_run, monkeypatch):
    monkeypatch.chdir(trained_run.folder)
    experiment = trained_run.experiment()
    results = Results(experiment, read_dataset(experiment))
    scores = pd.read_csv(trained_run.run_root / "scores/scores.csv").set_index(["method", "split", "metric"])["value"]
    for part in ("valid", "test"):
        table = votes_by_size(results, part)
        assert table["size"].tolist() == [1, 1, 2]
        expected = [scores[name, part, "macro_f1"] for name in ("one_layer", "two_layers", "vote")]
        assert table["score"].tolist() == pytest.approx(expected)
        assert table["members"].tolist() == [("one_layer",), ("two_layers",), ("one_layer", "two_layers")]

"""Runs side by side: means, spreads, and runs that are not there."""

import pandas as pd
import pytest

from latefusion.scores.runs import compare_runs
from latefusion.utils.errors import InputError


def scored(folder, tfidf: float, vote: float):
    """Leave the tables of a run whose best expert is tfidf."""
    rows = [
        ("NA", "image", split, metric, 0.5)
        for split in ("valid", "test")
        for metric in ("macro_f1", "accuracy", "weighted_f1")
    ]
    rows += [("tfidf", "text", split, metric, tfidf) for _, _, split, metric, _ in rows]
    rows += [("vote", "vote", split, metric, vote) for _, _, split, metric, _ in rows[:6]]
    (folder / "scores").mkdir(parents=True)
    table = pd.DataFrame(rows, columns=["method", "kind", "split", "metric", "value"])
    table.to_csv(folder / "scores/scores.csv", index=False)
    gains = [("NA", "test", 0.5 - tfidf), ("vote", "test", vote - tfidf), ("vote", "valid", 0.9)]
    table = pd.DataFrame(gains, columns=["method", "split", "macro_f1_gain"])
    table.to_csv(folder / "scores/comparisons.csv", index=False)
    return folder


def test_means_spreads_and_gains_over_runs(tmp_path):
    table = compare_runs([scored(tmp_path / "a", 0.7, 0.8), scored(tmp_path / "b", 0.8, 0.7)])
    cells = {row.split("|")[2].strip(): [cell.strip() for cell in row.split("|")[3:-1]] for row in table.splitlines()}
    assert cells["tfidf"] == ["75.0 ± 7.1"] * 3 + [""]
    assert cells["vote"] == ["75.0 ± 7.1"] * 3 + ["-10.0, +0.0, +10.0"]
    assert cells["NA"] == ["50.0 ± 0.0"] * 3 + ["-30.0, -25.0, -20.0"]


def test_one_run_has_no_spread_and_one_without_scores_is_named(tmp_path):
    assert "±" not in compare_runs([scored(tmp_path / "a", 0.7, 0.8)])
    with pytest.raises(InputError, match=r"run the step 'vote' for b first"):
        compare_runs([tmp_path / "a", tmp_path / "b"])

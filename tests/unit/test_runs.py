"""Runs side by side: means, spreads, what they submit, and runs that are not there."""

import pandas as pd
import pytest

from latefusion.scores.runs import compare_runs
from latefusion.utils.errors import InputError


def scored(folder, tfidf: float, vote: float, submitted: str | None = "vote"):
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
    table = pd.DataFrame(gains, columns=["method", "split", "gain"]).assign(against="tfidf")
    table.to_csv(folder / "scores/comparisons.csv", index=False)
    choice = pd.DataFrame({"method": ["NA", "tfidf", "vote"]})
    choice.assign(submitted=choice["method"] == submitted).to_csv(folder / "scores/choice.csv", index=False)
    return folder


def cells_of(table: str) -> dict[str, list[str]]:
    return {row.split("|")[2].strip(): [cell.strip() for cell in row.split("|")[3:-1]] for row in table.splitlines()}


def test_means_spreads_and_gains_over_runs(tmp_path):
    cells = cells_of(compare_runs([scored(tmp_path / "a", 0.7, 0.8), scored(tmp_path / "b", 0.8, 0.7)]))
    assert cells["tfidf"] == ["75.0 ± 7.1"] * 3 + [""]
    assert cells["vote"] == ["75.0 ± 7.1"] * 3 + ["-10.0, +0.0, +10.0"]
    assert cells["NA"] == ["50.0 ± 0.0"] * 3 + ["-30.0, -25.0, -20.0"]


def test_the_last_row_is_what_each_run_submits(tmp_path):
    """The best single expert, of one of them, gains nothing over itself."""
    runs = [scored(tmp_path / "a", 0.7, 0.8, "vote"), scored(tmp_path / "b", 0.8, 0.7, "tfidf")]
    last = compare_runs(runs).splitlines()[-1]
    assert last.split("|")[1].strip() == "Submitted"
    assert cells_of(last) == {"(vote, tfidf)": ["80.0 ± 0.0"] * 3 + ["+0.0, +5.0, +10.0"]}
    assert "Submitted" not in compare_runs([*runs, scored(tmp_path / "c", 0.7, 0.8, None)])


def test_one_run_has_no_spread_and_one_without_scores_is_named(tmp_path):
    assert "±" not in compare_runs([scored(tmp_path / "a", 0.7, 0.8)])
    with pytest.raises(InputError, match=r"there is no experiment ab; did you mean 'a'\?"):
        compare_runs([tmp_path / "a", tmp_path / "ab"])
    (tmp_path / "b").mkdir()
    with pytest.raises(InputError, match="b is not scored: do its vote with its own config first"):
        compare_runs([tmp_path / "a", tmp_path / "b"])


def test_runs_whose_methods_are_chosen_by_different_metrics_are_refused(tmp_path):
    runs = [scored(tmp_path / name, 0.7, 0.8) for name in ("a", "b")]
    path = runs[1] / "scores/scores.csv"
    path.write_text(path.read_text().replace("macro_f1", "micro_f1"))
    with pytest.raises(InputError, match=r"chosen by different metrics \(a macro_f1, b micro_f1\)"):
        compare_runs(runs)

"""The tables and figures of the papers are written from a finished run, again with the same content."""

import pandas as pd
import pytest

TABLES = {"selection", "hidden_map", "inputs", "input_gains"}
SECTIONS = (
    "Policies that choose",
    "Error analysis",
    "Score and share of images",
    "Fusion by inputs",
    "Classes that are missed",
)


def test_every_table_and_figure_of_the_papers_is_written(several_run):
    written = {path.stem for path in (several_run.run_root / "scores").glob("*.csv")}
    assert written >= TABLES
    figures = {path.stem for path in (several_run.run_root / "figures").glob("paper_*.png")}
    assert figures == {f"paper_{name}" for name in (*TABLES, "cost")}
    report = (several_run.run_root / "scores" / "paper.md").read_text()
    assert [section for section in SECTIONS if f"## {section}" in report] == list(SECTIONS)


def test_the_curve_of_cost_begins_and_ends_with_the_scores_of_its_two_policies(several_run):
    curve = several_run.read_scores("cost").query("split == 'test'")
    scores = several_run.read_scores().query("split == 'test' and metric == 'micro_f1'").set_index("method")["value"]
    assert curve["score"].iloc[0] == pytest.approx(scores["texts"], abs=1e-12)
    assert curve["score"].iloc[-1] == pytest.approx(scores["three"], abs=1e-12)


def test_the_map_has_every_test_product_and_the_shares_of_the_oracle(several_run):
    points, table = several_run.read_scores("hidden_map"), several_run.read_scores("selection")
    products = several_run.read_products()
    assert set(points["id"]) == set(products.index[products["split"] == "submit"])
    assert points[["x", "y"]].notna().all(axis=None)
    assert (points["right"] != "neither").mean() == pytest.approx(table["oracle"].iloc[0])
    assert set(table["policy"]) == {"chooses", "mean", "multi_step"}


def test_the_same_run_gives_the_same_tables(several_run, tmp_path):
    again = several_run.copy(tmp_path / "copy")
    again.run("16_paper_tables.py")
    for name in TABLES:
        pd.testing.assert_frame_equal(again.read_scores(name), several_run.read_scores(name))


def test_without_scores_it_says_which_step_is_missing(several_run, tmp_path, capsys):
    workspace = several_run.copy(tmp_path / "copy")
    (workspace.run_root / "scores" / "scores.csv").unlink()
    with pytest.raises(SystemExit) as caught:
        workspace.run("16_paper_tables.py")
    assert caught.value.code == 2
    assert "scores.csv does not exist: run src/08_vote.py" in capsys.readouterr().err

"""The tables of the papers, on made-up results: rows, gains, who is right; and their figures."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from helpers.results import CNN, SEVERAL, make_up

from latefusion.metrics.decisions import is_right
from latefusion.metrics.f1 import score
from latefusion.notebook import paper, plots
from latefusion.scores.analysis import expert_pairs
from latefusion.scores.paper.hidden import WHO
from latefusion.scores.paper.inputs import input_gains, input_table
from latefusion.scores.paper.report import error_section, input_section, selection_section
from latefusion.scores.paper.selection import pair_of, selection_table, shares
from latefusion.scores.tables import score_table

TITLE, DESCRIPTION = ({"kind": "tfidf", "reads": field} for field in ("title", "description"))
PAIR = ["title", "images"]
EXPERTS = {"title": TITLE, "description": DESCRIPTION, "images": CNN}
POLICIES = {
    "max": {"kind": "max", "experts": PAIR},
    "mean": {"kind": "mean", "experts": PAIR[::-1]},
    "chooses": {"kind": "select", "experts": PAIR, "top_k": 1, "layers": 1},
    "texts": {"experts": ["title", "description"]},
    "three": {"experts": ["title", "description", "images"]},
}


def write_asked(made, name: str, chosen: dict[str, np.ndarray]) -> None:
    for split, table in made.dataset.evaluation_splits.items():
        asked = pd.DataFrame({"ask": chosen[split].astype("float32"), "asked": chosen[split]}, index=table.index)
        asked.to_parquet(made.folder(name) / f"{split}_asked.parquet")


@pytest.fixture(params=[{}, SEVERAL], ids=["one", "several"])
def made(request, tmp_path, monkeypatch):
    made = make_up(tmp_path, monkeypatch, **(request.param | {"experts": EXPERTS, "policies": POLICIES}))
    for number, (name, accuracy) in enumerate({"title": 0.7, "description": 0.6, "images": 0.5}.items()):
        made.draw(name, accuracy, seed=10 * number)
    for number, (name, accuracy) in enumerate({"max": 0.6, "mean": 0.72, "texts": 0.8, "three": 0.9}.items()):
        made.draw(name, accuracy, seed=100 + 10 * number)
    # A policy that chooses perfectly.
    results, probs, chosen = made.results, {}, {}
    for split, targets in made.targets.items():
        text, image = (results.probs(results.method(name), split) for name in PAIR)
        right = [is_right(targets, made.dataset.decide(table)) for table in (text, image)]
        chosen[split] = right[1] & ~right[0]
        probs[split] = np.where(chosen[split][:, None], image, text)
    made.write("chooses", probs)
    write_asked(made, "chooses", chosen)
    return made


def right(made, name: str) -> np.ndarray:
    results = made.results
    return is_right(results.targets["test"], results.preds(results.method(name), "test"))


def test_the_pair_is_that_of_the_policies_that_choose(made):
    assert pair_of(made.results) == ("title", "images")


def test_a_policy_that_chooses_counts_more_than_rules_on_another_pair(tmp_path, monkeypatch):
    other = ["description", "images"]
    rules = {"max": {"kind": "max", "experts": other}, "mean": {"kind": "mean", "experts": other}}
    both = make_up(tmp_path, monkeypatch, experts=EXPERTS, policies=rules | {"chooses": POLICIES["chooses"]})
    fixed = make_up(tmp_path, monkeypatch, experts=EXPERTS, policies=rules)
    for name in EXPERTS:
        both.draw(name, 0.5)
    assert pair_of(both.results) == ("title", "images")
    assert pair_of(fixed.results) == ("description", "images")


def test_policies_on_the_pair_are_compared_with_the_oracle(made):
    table = selection_table(made.results).set_index("policy")
    assert list(table.index) == ["chooses", "mean", "max"]
    text, image = right(made, "title"), right(made, "images")
    assert np.allclose(table["text"], text.mean())
    assert np.allclose(table["image"], image.mean())
    assert np.allclose(table["oracle"], (text | image).mean())
    assert np.allclose(table["gain"], table["score"] - text.mean(), atol=1e-6)
    assert (table["low"] < table["gain"]).all()
    assert (table["gain"] < table["high"]).all()
    best = table.loc["chooses"]
    assert (best["policy_accuracy"], best["input"], best["layers"]) == (1, "CP-1", 1)
    assert best["score"] == pytest.approx(best["oracle"])
    assert best["image_share"] == pytest.approx((image & ~text).mean())
    confidence = [made.results.probs(made.results.method(name), "test").max(axis=1) for name in PAIR]
    chosen = confidence[1] > confidence[0]
    assert table.loc["max", "policy_accuracy"] == pytest.approx((chosen == (image & ~text)).mean())
    assert np.isnan(table.loc["mean", "policy_accuracy"])


def test_shares_of_who_is_right_are_those_of_the_oracle(made):
    found = shares(expert_pairs(made.results), ("title", "images"), "test")
    assert sum(found.values()) == pytest.approx(1)
    table = selection_table(made.results)
    assert 1 - found["neither"] == pytest.approx(table["oracle"].iloc[0])
    assert set(found) == set(WHO.values()) == set(paper.RIGHT_COLOURS)
    section = error_section(found, ("title", "images"), "test")
    assert f"| {100 * found['only_image']:.1f} " in section


def test_fusion_is_grouped_by_what_it_reads(made):
    results = made.results
    scores, _ = score_table(results)
    table = input_table(results, scores)
    grouped = table.groupby("group", sort=False)["method"].apply(set).to_dict()
    assert grouped == {
        "single expert": {"title", "description", "images"},
        "two inputs": {"max", "mean", "chooses", "texts"},
        "three inputs": {"three"},
    }
    inputs = table.set_index("method")["inputs"]
    assert inputs["mean"] == "title + image"
    assert inputs["three"] == "title + description + image"
    gains = input_gains(results, table)
    assert list(gains["group"]) == ["two inputs", "three inputs", "three inputs"]
    own = table.set_index("method")
    for _, row in gains.iterrows():
        members = table[table["group"] == row["group"]]
        assert row["method"] == members.loc[members["learnt"].idxmax(), "method"]
        assert row["gain"] == pytest.approx(own.loc[row["method"], "value"] - own.loc[row["against"], "value"])
        assert row["low"] < row["gain"] < row["high"]
    metric, known = made.experiment.chosen_by, results.targets["test"]
    assert own.loc["three", "value"] == pytest.approx(
        score(metric, known, results.preds(results.method("three"), "test"))
    )


def test_sections_have_a_row_for_each_policy(made):
    results = made.results
    scores, _ = score_table(results)
    section = selection_section(selection_table(results), ("title", "images"), "test")
    assert all(f"\n| {name} " in section for name in ("chooses", "mean", "max"))
    table = input_table(results, scores)
    section = input_section(table, input_gains(results, table), made.experiment.chosen_by, "test")
    assert all(f"| {name} " in section for name in table["method"])
    assert selection_section(selection_table(results)[:0], ("title", "images"), "test") == ""


def test_figures_show_every_row(made):
    results = made.results
    scores, _ = score_table(results)
    chosen, inputs = selection_table(results), input_table(results, scores)
    found = shares(expert_pairs(results), ("title", "images"), "test")
    rng = np.random.default_rng(0)
    points = pd.DataFrame({"x": rng.random(60), "y": rng.random(60), "right": np.repeat(list(found), 15)})
    curve = pd.DataFrame({"policy": "on_demand", "share": [0, 0.5, 1], "score": [0.5, 0.7, 0.8]})
    curve = curve.assign(score_low=curve["score"] - 0.1, score_high=curve["score"] + 0.1)
    missed = pd.DataFrame(
        {
            "method": ["title"] * 2 + ["three"],
            "class": ["a", "b", "b"],
            "share": [0.5, 0.2, 0.1],
            "missed": 1,
            "labelled": 5,
        }
    )
    with mpl.rc_context(plots.STYLE):
        figures = {
            "selection": paper.selection_figure(chosen, ("title", "images"), "test"),
            "errors": paper.error_figure(found, ("title", "images"), "test"),
            "map": paper.map_figure(points, "title"),
            "cost": paper.cost_figure(curve, "micro_f1", "test"),
            "inputs": paper.input_figure(inputs, "micro_f1", "test"),
            "gains": paper.gain_figure(input_gains(results, inputs), "micro_f1", "test"),
            "missed": paper.missed_figure(missed, ["title", "three"], "test"),
        }
        for figure in figures.values():
            figure.canvas.draw()  # warnings are errors
            assert (np.asarray(figure.canvas.buffer_rgba())[..., :3] < 250).any(axis=2).mean() > 0.01
        names = {name: [label.get_text() for label in figures[name].axes[0].get_yticklabels()] for name in figures}
        plt.close("all")
    assert len(names["selection"]) == len(chosen)
    assert len(names["inputs"]) == len(inputs)
    assert names["missed"] == ["a", "b"]

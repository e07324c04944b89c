"""Policies that choose: what they ask for, and the score of each share of images."""

import numpy as np
import pandas as pd
import pytest
from helpers.results import CONFIG, SEVERAL, MadeUp, make_up

from latefusion.fusion.asked import Asked, write_asked
from latefusion.metrics.decisions import is_right
from latefusion.metrics.f1 import score
from latefusion.scores.asked import asked_table, cost_table
from latefusion.scores.report import cost_sentence
from latefusion.scores.write import write_scores

POLICIES = {
    "product": {"kind": "product", "experts": ["words", "images"]},
    "select": {"kind": "select", "experts": ["words", "images"]},
    "on_demand": {"kind": "on_demand", "first": "words", "then": "product", "image_share": 0.3},
}


def choosing(folder, patch, **config) -> MadeUp:
    """Made-up results: `ask` is higher where the second is right, with noise."""
    made_up = make_up(folder, patch, num_classes=5, **(config | {"policies": POLICIES}))
    for number, (name, accuracy) in enumerate({"words": 0.7, "images": 0.5, "product": 0.9}.items()):
        made_up.draw(name, accuracy, seed=10 * number + 5)
    results, tables = made_up.results, {}
    for split, targets in made_up.targets.items():
        rng, ids = np.random.default_rng(0), made_up.dataset.evaluation_splits[split].index
        for name, (first, second) in {"select": ("words", "images"), "on_demand": ("words", "product")}.items():
            one, other = (is_right(targets, results.preds(results.method(part), split)) for part in (first, second))
            noisy = (other & ~one) + 0.5 * rng.random(len(targets))
            ask = (noisy.argsort().argsort() + 0.5) / len(targets)
            probs = [results.probs(results.method(part), split) for part in (first, second)]
            tables.setdefault(name, {})[split] = np.where(ask[:, None] > 0.7, probs[1], probs[0])
            write_asked(made_up.folder(name), split, ids, Asked(ask, ask > 0.7))
    for name, probs in tables.items():
        made_up.write(name, probs)
    return made_up


@pytest.mark.parametrize(
    "config", [{}, SEVERAL, SEVERAL | {"label_thresholds": "tuned"}], ids=["one", "several", "tuned"]
)
def test_the_curve_ends_at_the_scores_of_the_methods_that_the_policy_names(tmp_path, monkeypatch, config):
    made_up = choosing(tmp_path, monkeypatch, **config)
    results, curve = made_up.results, cost_table(made_up.results).set_index(["split", "share"])
    metric = made_up.experiment.chosen_by
    for split, targets in made_up.targets.items():
        for share, name in {0.0: "words", 1.0: "product"}.items():
            own = curve.loc[(split, share)]
            assert own["score"] == score(metric, targets, results.preds(results.method(name), split))
            assert own["score_low"] < own["score"] < own["score_high"]
        assert (curve.loc[(split, 1.0), ["difference", "low", "high"]] == 0).all()


def test_what_is_asked_for_is_compared_with_who_is_right(tmp_path, monkeypatch):
    made_up = choosing(tmp_path, monkeypatch, **SEVERAL)
    table, results = asked_table(made_up.results).set_index(["policy", "split"]), made_up.results
    for split, targets in made_up.targets.items():
        words, images = (is_right(targets, results.preds(results.method(one), split)) for one in ("words", "images"))
        own = table.loc["select", split]
        asked = pd.read_parquet(made_up.folder("select") / f"{split}_asked.parquet")["asked"].to_numpy()
        assert own["policy_accuracy"] == pytest.approx((asked == (images & ~words)).mean())
        assert own["oracle_accuracy"] == pytest.approx((images | words).mean())
        assert own["asked"] == pytest.approx(0.3)
        assert (own["first"], own["second"]) == ("words", "images")


def test_the_report_says_at_which_share_the_full_score_is_reached(tmp_path, monkeypatch):
    made_up = choosing(tmp_path, monkeypatch)
    report = write_scores(made_up.experiment, made_up.dataset)
    curve = cost_table(made_up.results).query("split == 'test'")
    reached = curve.loc[curve["score"] >= curve["score"].iloc[-1] - 1e-12, "share"].min()
    assert 0 < reached < 1
    assert f"the full score is reached at {100 * reached:.0f} % of the images (" in report
    assert "## Policies that choose (test, percent of products)" in report
    assert "| select " in report
    assert "## Score and share" not in write_scores_without_choosing(tmp_path / "other", monkeypatch)


def write_scores_without_choosing(folder, patch) -> str:
    folder.mkdir()
    made_up = make_up(folder, patch, policies={"product": CONFIG["policies"]["product"]})
    made_up.draw("words", 0.7)
    return write_scores(made_up.experiment, made_up.dataset)


def test_the_least_share_with_the_full_score_and_the_least_that_is_close_are_named():
    curve = pd.DataFrame({"share": [0, 0.5, 1], "score": [0.5, 0.7, 0.8], "low": [0.2, -0.1, 0]})
    assert "is reached at 100 % of the images (80.00). At 50 % it is not clearly lower" in cost_sentence(curve)
    assert cost_sentence(curve.assign(low=[0.2, 0.1, 0])).endswith("is reached at 100 % of the images (80.00).")

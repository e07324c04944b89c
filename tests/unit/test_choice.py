"""`submit: best` submits the simplest method that is not clearly worse than the best; test labels do not matter."""

import numpy as np
import pandas as pd
import pytest
from helpers.results import CONFIG, MadeUp, draw_probs, make_up

from latefusion.config.complexity import COMPLEXITIES
from latefusion.fusion.vote import vote
from latefusion.metrics.calibration import expected_calibration_error
from latefusion.metrics.f1 import score
from latefusion.plan.planning import plan
from latefusion.scores.choice import choose_method, log_vote_warning, rank_methods, vote_warning
from latefusion.scores.write import write_scores
from latefusion.tables.predictions import read_ranked_predictions
from latefusion.tables.probabilities import read_probs, write_probs

ALL = [*CONFIG["experts"], *CONFIG["policies"]]


@pytest.fixture
def made_up(tmp_path, monkeypatch) -> MadeUp:
    return make_up(tmp_path, monkeypatch)


def chosen(made_up: MadeUp) -> str:
    return choose_method(rank_methods(made_up.results))


def write_equal(made_up: MadeUp, names: list[str], accuracy: float = 0.8, seed: int = 0) -> None:
    for name in names:
        made_up.draw(name, accuracy, seed=seed)


def test_of_equal_methods_the_simplest_is_chosen(made_up):
    """Levels come first, then the number of models: three experts in a rule are simpler than two in a network."""
    write_equal(made_up, ALL)
    write_equal(made_up, ["vote"])
    ranking, order = rank_methods(made_up.results), []
    while len(order) < len(ALL):
        order.append(choose_method(ranking[~ranking["method"].isin(order)]))
    assert order == [
        "images", "words", "letters",  # the order of the score table
        "product", "all_product", "weighted_mean", "logistic", "boosting", "network", "other_network",
    ]  # fmt: skip
    ranking = ranking.set_index("method")
    assert ranking.loc["all_product", "models"] == ranking.loc["vote", "models"] == 3
    assert set(ranking["complexity"]) == set(COMPLEXITIES) - {"select", "ridge", "on_demand", "raw_select"}
    assert (ranking["difference"] == 0).all()
    assert not ranking["clearly_worse"].any()


def test_of_equally_simple_methods_the_higher_score_is_chosen(made_up):
    write_equal(made_up, ALL, 0.8)
    made_up.draw("letters", 0.81)
    assert chosen(made_up) == "letters"


@pytest.mark.parametrize("better", ["product", "boosting", "network", "vote"])
def test_a_clearly_better_method_is_chosen_however_complex(made_up, better):
    write_equal(made_up, [*ALL, "vote"], 0.8)
    made_up.draw(better, 0.95)
    assert chosen(made_up) == better
    ranking = rank_methods(made_up.results).set_index("method")
    assert ranking.loc[better, "difference"] == 0
    # The soft vote has the probabilities of the vote.
    others = ranking.drop(index=[better, *(["soft vote"] if better == "vote" else [])])
    assert others["clearly_worse"].all()
    assert (others["difference"] > others["standard_error"]).all()


def test_a_method_that_is_right_as_often_but_tells_less_is_clearly_worse(made_up):
    """The same decisions: those of the second are as certain where they are wrong as where they are right."""
    for name in ALL:
        made_up.draw(name, 0.5)
    certain = {split: draw_probs(one, 0.9, num_classes=4, seed=3) for split, one in made_up.targets.items()}
    telling = {split: table.copy() for split, table in certain.items()}
    for split, table in telling.items():
        wrong = table.argmax(axis=1) != made_up.targets[split]
        table[wrong] = 0.6 * table[wrong] + 0.1
    made_up.write("words", certain)
    made_up.write("product", telling)
    ranking = rank_methods(made_up.results).set_index("method")
    assert ranking.loc["words", "difference"] == ranking.loc["product", "difference"] == 0
    assert ranking.loc["words", "clearly_worse"]
    assert chosen(made_up) == "product"


def test_where_no_method_is_among_the_best_in_both_the_scores_decide(made_up):
    for name in ALL:
        made_up.draw(name, 0.4)
    targets = made_up.targets
    right = {split: draw_probs(one, 0.95, num_classes=4, seed=1) for split, one in targets.items()}
    # The wrong tenth has all certainty of the right ones; the other method is right less often, and says when.
    honest = {split: draw_probs(one, 0.85, num_classes=4, seed=2) for split, one in targets.items()}
    for split, table in honest.items():
        wrong = table.argmax(axis=1) != targets[split]
        table[wrong] = 0.25 + 0.01 * (table[wrong] - 0.25)
    made_up.write("words", right)
    made_up.write("letters", honest)
    ranking = rank_methods(made_up.results).set_index("method")
    assert ranking.loc["letters", "log_loss"] < ranking.loc["words", "log_loss"]
    assert ranking.loc["letters", "difference"] > ranking.loc["letters", "standard_error"]
    assert chosen(made_up) == "words"


def test_a_slightly_better_method_is_not_worth_its_complexity(made_up):
    """Right on one product more of 300: the difference is not greater than its standard error."""
    write_equal(made_up, ALL, 0.8)
    probs = {
        split: draw_probs(targets, 0.8, num_classes=4, seed=n)
        for n, (split, targets) in enumerate(made_up.targets.items())
    }
    wrong = np.flatnonzero(probs["valid"].argmax(axis=1) != made_up.targets["valid"])[:1]
    probs["valid"][wrong] = np.eye(4)[made_up.targets["valid"][wrong]]
    made_up.write("network", probs)
    ranking = rank_methods(made_up.results).set_index("method")
    assert ranking["score"].idxmax() == "network"
    assert 0 < ranking.loc["images", "difference"] < ranking.loc["images", "standard_error"]
    assert chosen(made_up) == "images"


def test_the_soft_vote_and_votes_of_subsets_can_be_chosen(tmp_path, monkeypatch):
    made_up = make_up(tmp_path, monkeypatch, vote={"subsets": {"one": ["network"]}})
    write_equal(made_up, [*ALL, "vote"], 0.7)
    made_up.draw("network", 0.9)
    made_up.draw("vote", 0.95, seed=9)
    targets, probs = made_up.targets, {}
    for split in targets:
        probs[split] = made_up.results.probs(made_up.results.method("vote"), split)
    decisions = {split: (labels + 1) % 4 for split, labels in targets.items()}  # the majority is wrong
    made_up.write("vote", probs, decisions)
    assert chosen(made_up) == "soft vote"
    made_up.submit()
    assert made_up.facts["valid_accuracy"] == pytest.approx(0.95, abs=0.01)
    subset = made_up.results.method("vote one")
    network = made_up.results.method("network")
    assert np.array_equal(made_up.results.probs(subset, "test"), made_up.results.probs(network, "test"))


def test_with_tiny_classes_methods_are_compared_by_accuracy(tmp_path, monkeypatch):
    """Two large classes and 40 with a single product: letters is right on all of the latter, words on the others."""
    made_up = make_up(tmp_path, monkeypatch, num_classes=42)
    products = made_up.dataset.products
    tiny = np.arange(len(products)) % 300 < 40
    numbers = np.where(tiny, 2 + np.arange(len(products)) % 300, np.arange(len(products)) % 2)
    products["label"] = [made_up.dataset.classes[number] for number in numbers]
    for name, right in {"words": ~tiny, "letters": tiny}.items():
        tables = {}
        for split, targets in made_up.targets.items():
            rows = right[(products["split"] == split).to_numpy()]
            tables[split] = np.eye(42, dtype=np.float32)[np.where(rows, targets, (targets + 1) % 2)]
        made_up.write(name, tables)
    ranking = rank_methods(made_up.results).set_index("method")
    assert set(ranking["metric"]) == {"accuracy"}
    assert ranking.loc["words", "score"] == pytest.approx(260 / 300)
    assert chosen(made_up) == "words"


def test_no_test_label_has_an_influence_on_the_submission(made_up):
    for number, name in enumerate([*ALL, "vote"]):
        made_up.draw(name, 0.7 + 0.02 * number, seed=10 * number)
    run_dir = made_up.submit().run_dir
    before = {path.name: path.read_bytes() for path in run_dir.iterdir()}
    permuted = made_up.with_test_labels(np.random.default_rng(0).permutation)
    assert (permuted.results.targets["test"] != made_up.results.targets["test"]).any()
    permuted.submit()
    assert {path.name: path.read_bytes() for path in run_dir.iterdir()} == before
    assert set(before) >= {"metrics.json", "valid_probs.parquet", "test_probs.parquet", "test_preds.parquet"}


def test_the_submission_is_the_methods_decisions_with_calibrated_probabilities(made_up):
    write_equal(made_up, ALL, 0.6)
    made_up.draw("logistic", 0.8, confidence=0.95)
    made_up.submit()
    facts, results = made_up.facts, made_up.results
    assert (facts["submit"], facts["method"], facts["folder"]) == ("best", "logistic", "policies/logistic")
    assert facts["valid_accuracy"] == pytest.approx(0.8)
    assert facts["valid_ece"] < 0.08
    assert (facts["metric"], facts["best"], facts["difference"]) == ("macro_f1", "logistic", 0)
    assert facts["score"] == facts["valid_macro_f1"]
    assert [row["method"] for row in facts["candidates"]] == [method.name for method in results.methods]
    for split, targets in made_up.targets.items():
        folder = made_up.experiment.run_root / "submission"
        probs = read_probs(
            folder / f"{split}_probs.parquet", made_up.dataset.evaluation_splits[split].index, made_up.dataset.classes
        )
        own = results.probs(results.method("logistic"), split)
        preds = results.preds(results.method("logistic"), split)
        labels = read_ranked_predictions(folder, split, made_up.dataset)
        assert (made_up.dataset.targets(labels) == preds).all()
        assert expected_calibration_error(targets, probs, preds) < 0.08 < expected_calibration_error(targets, own)


def test_ranked_predictions_are_the_most_probable_classes(made_up):
    write_equal(made_up, ALL)
    folder = made_up.submit().run_dir
    table = read_ranked_predictions(folder, "test", made_up.dataset)
    probs = read_probs(folder / "test_probs.parquet", table.index, made_up.dataset.classes)
    names = np.array(made_up.dataset.classes)[np.argsort(-probs, axis=1, kind="stable")]
    assert table.columns.tolist() == ["label", "confidence", "label_2", "confidence_2", "label_3", "confidence_3"]
    assert (table[["label", "label_2", "label_3"]].to_numpy() == names[:, :3]).all()
    assert (table["confidence"] >= table["confidence_2"]).all()
    assert np.allclose(table[["confidence", "confidence_2", "confidence_3"]], -np.sort(-probs, axis=1)[:, :3])


def test_two_classes_have_no_third(tmp_path, monkeypatch):
    made_up = make_up(tmp_path, monkeypatch, num_classes=2)
    write_equal(made_up, ALL)
    table = read_ranked_predictions(made_up.submit().run_dir, "test", made_up.dataset)
    assert table.columns.tolist() == ["label", "confidence", "label_2", "confidence_2"]
    assert np.allclose(table["confidence"] + table["confidence_2"], 1)


@pytest.fixture
def voting(tmp_path, monkeypatch) -> MadeUp:
    """The vote is submitted. On a tenth of the products its decision is not the class of highest probability."""
    made_up = make_up(tmp_path, monkeypatch, n=1000, submit="vote")
    write_equal(made_up, ALL, 0.8)
    probs, decisions = {}, {}
    for number, (split, targets) in enumerate(made_up.targets.items()):
        probs[split] = draw_probs(targets, 0.8, num_classes=4, seed=number, confidence=0.5)
        decisions[split] = probs[split].argmax(axis=1)
        decisions[split][:100] = np.argsort(probs[split][:100], axis=1)[:, -2]
    made_up.write("vote", probs, decisions)
    return made_up


def test_a_vote_keeps_its_decisions_and_is_as_sure_as_it_is_right(voting):
    folder = voting.submit().run_dir
    for split, targets in voting.targets.items():
        table = read_ranked_predictions(folder, split, voting.dataset)
        preds = voting.results.preds(voting.results.method("vote"), split)
        assert (voting.dataset.targets(table) == preds).all()
        assert (table["confidence"] >= table["confidence_2"]).all()
        right = preds == targets
        assert table["confidence"].mean() == pytest.approx(score("accuracy", targets, preds), abs=0.05)
        assert table["confidence"][right].mean() > table["confidence"][~right].mean() + 0.1
        assert table["confidence"].iloc[:100].max() < 0.6


def test_networks_of_an_early_epoch_are_calibrated_as_they_are_on_test(voting):
    """On test they are far less confident than out of fold: `selected_probs` are as they are there."""
    late = {
        split: draw_probs(targets, 0.9, num_classes=4, seed=number)
        for number, (split, targets) in enumerate(voting.targets.items())
    }
    early = {split: (0.9 / 4 + 0.1 * probs).astype(np.float32) for split, probs in late.items()}
    for name in ("network", "other_network"):
        voting.write(name, {"valid": late["valid"], "test": early["test"]})
    vote(voting.experiment, voting.dataset, plan(voting.experiment)["vote"])

    def mean_confidence(split: str) -> float:
        return read_ranked_predictions(voting.submit().run_dir, split, voting.dataset)["confidence"].mean()

    assert mean_confidence("valid") == pytest.approx(0.9, abs=0.03)
    assert mean_confidence("test") < 0.6  # right for 0.9
    for name in ("network", "other_network"):
        path = voting.folder(name) / "valid_selected_probs.parquet"
        write_probs(path, voting.dataset.fusion_products.index, early["valid"], voting.dataset.classes)
    assert mean_confidence("valid") == pytest.approx(0.9, abs=0.03)
    assert mean_confidence("test") == pytest.approx(0.9, abs=0.03)


def test_a_warning_says_that_the_vote_is_clearly_worse_and_what_to_set(voting, caplog):
    voting.draw("product", 0.95)
    voting.submit()
    report = write_scores(voting.experiment, voting.dataset)
    assert "**Warning:** the vote is clearly worse than product: macro-F1 72.8 against 95.0 on valid" in report
    assert "set submit: best." in report
    assert "the vote is clearly worse than product" in caplog.text
    caplog.clear()
    log_vote_warning(voting.experiment, voting.dataset)
    assert "set submit: best" in caplog.text


def test_no_warning_where_the_vote_is_as_good(made_up):
    write_equal(made_up, [*ALL, "vote"], 0.8)
    ranking = rank_methods(made_up.results)
    assert vote_warning(ranking, "valid", "vote") == ""
    made_up.draw("product", 0.95)
    ranking = rank_methods(made_up.results)
    assert "the vote is clearly worse than product" in vote_warning(ranking, "valid", "best")
    assert "set submit" not in vote_warning(ranking, "valid", "best")
    assert vote_warning(ranking[ranking["method"] != "vote"], "valid", "best") == ""


def test_the_choice_of_a_run_is_written_beside_its_scores(made_up):
    write_equal(made_up, ALL, 0.8)
    made_up.draw("product", 0.95)
    made_up.submit()
    write_scores(made_up.experiment, made_up.dataset)
    table = pd.read_csv(made_up.experiment.run_root / "scores/choice.csv")
    assert table.loc[table["submitted"], "method"].tolist() == ["product"]
    assert table["method"].tolist() == [method.name for method in made_up.results.methods]

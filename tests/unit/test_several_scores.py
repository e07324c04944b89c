"""Scores, choice, submission and report of products with several labels, on made-up results."""

import numpy as np
import pandas as pd
import pytest
from helpers.results import SEVERAL, MadeUp, draw_probs, make_up
from sklearn.metrics import f1_score

from latefusion.fusion.vote import vote
from latefusion.metrics.calibration import assigned_calibration_error, expected_calibration_error
from latefusion.metrics.confidence import restore_calibration
from latefusion.metrics.decisions import FIRST, decide, first_labels, is_right
from latefusion.metrics.f1 import score
from latefusion.metrics.label_thresholds import LabelThresholds
from latefusion.plan.planning import plan
from latefusion.scores.choice import choose_method, deciding_metric, rank_methods
from latefusion.scores.confusion import confusion_counts, mistakes
from latefusion.scores.submitted import read_submitted
from latefusion.scores.subsets import votes_by_size
from latefusion.scores.write import write_scores
from latefusion.steps.predict import predict
from latefusion.submission import validate_predictions
from latefusion.tables.predictions import read_ranked_predictions
from latefusion.utils.files import write_json

ACCURACIES = {"words": 0.75, "letters": 0.5, "images": 0.5, "product": 0.95, "network": 0.8, "other_network": 0.8}


@pytest.fixture
def made_up(tmp_path, monkeypatch) -> MadeUp:
    made_up = make_up(tmp_path, monkeypatch, num_classes=7, **SEVERAL)
    for number, (name, accuracy) in enumerate(ACCURACIES.items()):
        made_up.draw(name, accuracy, seed=10 * number + 5)
    return made_up


def read_scores(made_up: MadeUp, name: str) -> pd.DataFrame:
    return pd.read_csv(made_up.experiment.run_root / f"scores/{name}.csv", keep_default_na=False)


def test_the_score_table_is_that_of_scikit_learn_with_the_chosen_metric_first(made_up):
    made_up.submit()
    report = write_scores(made_up.experiment, made_up.dataset)
    scores = read_scores(made_up, "scores")
    assert scores["metric"].unique().tolist() == ["micro_f1", "macro_f1", "weighted_f1", "accuracy"]
    table = scores.set_index(["method", "split", "metric"])["value"]
    results = made_up.results
    for split, targets in made_up.targets.items():
        preds = results.preds(results.method("product"), split)
        for average in ("micro", "macro", "weighted"):
            expected = f1_score(targets, preds > 0, average=average)
            assert table["product", split, f"{average}_f1"] == pytest.approx(expected)
        probs = results.probs(results.method("product"), split)
        of_highest = targets[np.arange(len(targets)), probs.argmax(axis=1)]
        assert table["product", split, "accuracy"] == pytest.approx((of_highest > 0).mean())
    comparisons = read_scores(made_up, "comparisons").set_index(["method", "split"])
    assert set(comparisons["against"]) == {"words"}
    assert set(comparisons["metric"]) == {"micro_f1"}
    gain = table["product", "test", "micro_f1"] - table["words", "test", "micro_f1"]
    assert comparisons.loc[("product", "test"), "gain"] == pytest.approx(gain)
    assert "whose first label is right for" in report
    assert "Products have several labels." in report
    assert "Best policy by valid micro-F1" in report


def test_the_chosen_metric_is_the_first_column_and_decides(tmp_path, monkeypatch):
    """By accuracy the first label counts alone: letters has it always, and assigns nothing else."""
    made_up = make_up(tmp_path, monkeypatch, num_classes=7, metric="accuracy", **SEVERAL)
    made_up.draw("words", 0.8)
    tables = {}
    for split, targets in made_up.targets.items():
        tables[split] = np.full(targets.shape, 0.1, np.float32)
        tables[split][np.arange(len(targets)), targets.argmax(axis=1)] = 0.9
    made_up.write("letters", tables)
    assert deciding_metric(made_up.results) == "accuracy"
    ranking = rank_methods(made_up.results).set_index("method")
    assert ranking.loc["letters", "score"] == 1 > ranking.loc["words", "score"]
    assert choose_method(ranking.reset_index()) == "letters"
    made_up.submit()
    report = write_scores(made_up.experiment, made_up.dataset)
    assert read_scores(made_up, "scores")["metric"].iloc[0] == "accuracy"
    assert "| valid accuracy" in report


def test_log_losses_are_the_means_over_all_classes(made_up):
    """Of the same decisions, those that say more clearly which labels are wrong have the lower loss."""
    vague = {split: draw_probs(one, 0.8, num_classes=7, seed=1) for split, one in made_up.targets.items()}
    telling = {split: table.copy() for split, table in vague.items()}
    for split, table in telling.items():
        wrong = (table >= 0.5) != (made_up.targets[split] > 0)
        table[wrong] = 0.5 + 0.1 * (table[wrong] - 0.5)
    made_up.write("letters", vague)
    made_up.write("product", telling)
    ranking = rank_methods(made_up.results).set_index("method")
    assert ranking.loc["product", "log_loss"] < ranking.loc["letters", "log_loss"]
    assert ranking.loc["letters", "log_loss_difference"] > ranking.loc["letters", "log_loss_error"]


def overconfident(made_up: MadeUp, n: int = 0) -> dict[str, np.ndarray]:
    """Return probabilities that are too high and too sure: true odds to the power of three, times three."""
    tables = {}
    for number, (split, targets) in enumerate(made_up.targets.items()):
        rng = np.random.default_rng(number + n)
        odds = np.exp(rng.normal(np.where(targets > 0, 0.3, -0.7), 0.7)) ** 3 * 3
        tables[split] = (odds / (1 + odds)).astype(np.float32)
    return tables


def test_the_submission_is_calibrated_for_the_first_label_and_for_all(tmp_path, monkeypatch):
    made_up = make_up(tmp_path, monkeypatch, n=2000, num_classes=7, **SEVERAL)
    made_up.write("words", overconfident(made_up))
    made_up.submit()
    submitted, results = read_submitted(made_up.results), made_up.results
    for split, targets in made_up.targets.items():
        own, preds = results.probs(submitted.method, split), submitted.preds(split)
        calibrated = submitted.probs(split)
        for error in (expected_calibration_error, assigned_calibration_error):
            assert error(targets, calibrated, preds) < 0.06 < 0.15 < error(targets, own, preds)
        assert (calibrated.argsort(axis=1, kind="stable") == own.argsort(axis=1, kind="stable")).mean() > 0.95
    calibration = restore_calibration(made_up.facts["calibration"])
    assert calibration.slope < 0.7
    assert calibration.offset < -0.2
    np.testing.assert_allclose(calibration.apply(own), calibrated, atol=1e-6)


def test_no_label_has_an_influence_on_its_own_calibrated_probabilities(made_up):
    """The labels of one fold change by a bit neither its probabilities nor its decisions, with tuned thresholds too."""
    experiment = made_up.experiment.model_copy(update={"label_thresholds": "tuned"})
    folder = MadeUp(experiment, made_up.dataset).submit().run_dir
    before = pd.read_parquet(folder / "valid_probs.parquet"), pd.read_parquet(folder / "valid_preds.parquet")
    method = made_up.facts["method"]
    own = (made_up.dataset.selection_folds() == 0) & (np.arange(300) % 2 == 0)
    products = made_up.dataset.products.copy()
    labels = products.loc[products["split"] == "valid", "label"]
    changed = labels.mask(own, labels.where(own).dropna().iloc[::-1].set_axis(labels.index[own]))
    products.loc[labels.index, "label"] = changed
    assert (changed != labels).sum() > 10
    dataset = type(made_up.dataset)(products, made_up.dataset.classes, made_up.dataset.split, several=True)
    monkey = MadeUp(experiment, dataset)
    folds = made_up.dataset.selection_folds()
    object.__setattr__(dataset, "selection_folds", lambda: folds)  # strata change with labels; the folds are given
    monkey.submit()
    assert made_up.facts["method"] == method
    after = pd.read_parquet(folder / "valid_probs.parquet"), pd.read_parquet(folder / "valid_preds.parquet")
    of_fold = folds == 0
    for one, other in zip(before, after, strict=True):
        assert one[of_fold].equals(other[of_fold])
        assert not one[~of_fold].equals(other[~of_fold])


def test_tuned_thresholds_decide_and_are_left_for_new_products(tmp_path, monkeypatch):
    made_up = make_up(tmp_path, monkeypatch, num_classes=7, label_thresholds="tuned", **SEVERAL)
    low = {split: 0.4 * table for split, table in overconfident(made_up).items()}
    made_up.write("words", low)
    made_up.submit()
    thresholds = np.array(list(made_up.facts["label_thresholds"].values()))
    assert list(made_up.facts["label_thresholds"]) == made_up.dataset.classes
    expected = LabelThresholds.tuned(low["valid"], made_up.targets["valid"], np.zeros(300, int), "micro_f1").final
    assert thresholds == pytest.approx(expected)
    results = made_up.results
    preds = results.preds(results.method("words"), "test")
    assert (preds == decide(low["test"], several=True, thresholds=thresholds)).all()
    assert (preds > 0).sum() > len(preds)  # by halves, only the first labels would be assigned


def test_the_predictions_are_written_with_all_labels_and_are_valid(made_up, monkeypatch):
    job = made_up.submit()
    monkeypatch.setattr("latefusion.steps.predict.read_dataset", lambda experiment: made_up.dataset)
    monkeypatch.setattr("latefusion.steps.predict.plan", lambda experiment: {"submission": job})
    monkeypatch.setattr(type(job), "state", lambda job: "done")
    monkeypatch.setattr("latefusion.steps.predict.note_predictions", lambda *_: None)  # made-up jobs have no records
    (path,) = predict(made_up.experiment)
    table = pd.read_csv(path, sep="\t", dtype="str")
    columns = ["id", "label", "confidence", "confidences", "next_labels", "next_confidences", "split"]
    assert table.columns.tolist() == columns
    ids = made_up.dataset.evaluation_splits["test"].index
    assert validate_predictions(path, ids, made_up.dataset.classes, separator="|")["id"].tolist() == list(ids)
    submitted = read_submitted(made_up.results)
    preds, classes = submitted.preds("test"), np.array(made_up.dataset.classes)
    written = table["label"].str.split("|")
    assert [set(one) for one in written] == [set(classes[row > 0]) for row in preds]
    assert written.str[0].tolist() == classes[first_labels(preds)].tolist()
    assert (table["next_labels"].str.split("|").str.len() == np.minimum(3, 7 - (preds > 0).sum(axis=1))).all()


def test_confidence_thresholds_apply_to_the_first_label(made_up):
    made_up.submit()
    write_scores(made_up.experiment, made_up.dataset)
    submitted, results = read_submitted(made_up.results), made_up.results
    rows = read_scores(made_up, "automation").query("split == 'test' and accepted > 0")
    right = is_right(results.targets["test"], submitted.preds("test"))
    for row in rows.itertuples():
        accepted = submitted.confidence("test").round(6) >= float(row.threshold)
        assert row.accepted == accepted.sum()
        assert float(row.right) == pytest.approx(right[accepted].mean())
    assert len(rows)


def test_who_is_right_is_asked_of_the_first_labels(made_up):
    write_scores(made_up.experiment, made_up.dataset)
    pairs = read_scores(made_up, "pairs").query("split == 'test' and text == 'words'").iloc[0]
    results = made_up.results
    words, images = (
        is_right(results.targets["test"], results.preds(results.method(name), "test")) for name in ("words", "images")
    )
    assert pairs["only_image"] == pytest.approx((images & ~words).mean())
    assert pairs["oracle_accuracy"] == pytest.approx((images | words).mean())


def test_the_classes_that_are_missed_most_are_listed_by_method(made_up):
    report = write_scores(made_up.experiment, made_up.dataset)
    table = read_scores(made_up, "misclassified")
    results = made_up.results
    targets, preds = results.targets["test"], results.preds(results.method("images"), "test")
    missed, labelled = ((targets > 0) & (preds == 0)).sum(axis=0), (targets > 0).sum(axis=0)
    own = table[(table["method"] == "images") & (table["split"] == "test")]
    worst = (missed / labelled).argmax()
    assert own["class"].iloc[0] == made_up.dataset.classes[worst]
    assert own["missed"].tolist() == sorted(missed, key=dict(zip(missed, missed / labelled, strict=True)).get)[::-1]
    assert own["share"].is_monotonic_decreasing
    section = report.split("## Classes that are missed most (test)")[1].split("##")[0]
    assert f"{made_up.dataset.classes[worst]} ({missed[worst]}/{labelled[worst]})" in section
    assert "| words" in section
    assert "| product" in section


def test_a_missed_label_is_counted_with_the_one_that_is_wrongly_assigned():
    targets = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1], [-1, -1, -1]], np.int8)
    preds = np.array([[2, 0, 1], [0, 1, 2], [0, 0, 2], [2, 1, 1]], np.int8)
    assert confusion_counts(targets, preds, 3).tolist() == [[1, 1, 1], [0, 0, 1], [0, 0, 1]]


def test_mistakes_are_first_labels_that_are_none_of_the_products(made_up):
    results = made_up.results
    wrong = mistakes(results, results.method("images"), "test")
    right = is_right(results.targets["test"], results.preds(results.method("images"), "test"))
    assert len(wrong) == (~right).sum() > 0
    assert wrong["confidence"].is_monotonic_decreasing
    assert not any(row.decided in row.label.split(", ") for row in wrong.itertuples())


def test_votes_of_subsets_are_those_of_the_members(made_up):
    """All members as the vote itself, each alone as itself."""
    job = plan(made_up.experiment)["vote"]
    vote(made_up.experiment, made_up.dataset, job)
    write_json(job.run_dir / "job.json", {})
    results, targets = made_up.results, made_up.targets["test"]
    table = votes_by_size(results, "test")
    names = ["network", "other_network", "vote"]
    expected = [score("micro_f1", targets, results.preds(results.method(name), "test")) for name in names]
    assert table["score"].tolist() == pytest.approx(expected)
    write_scores(made_up.experiment, made_up.dataset)
    adds = read_scores(made_up, "votes").query("split == 'test'").set_index("member")
    assert adds["score"].tolist() == pytest.approx(expected[:2])
    assert adds.loc["network", "vote_without"] == pytest.approx(expected[1])
    assert adds["adds"].tolist() == pytest.approx([expected[2] - expected[1], expected[2] - expected[0]])


def test_a_vote_whose_first_label_is_not_the_most_probable_lists_it_first(made_up, monkeypatch):
    """With the confidences in descending order: the first is no surer than the labels that it was chosen over."""
    experiment = made_up.experiment.model_copy(update={"submit": "vote"})
    voting = MadeUp(experiment, made_up.dataset)
    probs = overconfident(made_up)
    preds = {split: decide(table, several=True) for split, table in probs.items()}
    for split, own in preds.items():
        second = np.argsort(-probs[split], axis=1)[:, 1]
        own[own == FIRST] = 1
        own[np.arange(len(own)), second] = FIRST
    voting.write("vote", probs, preds)
    folder = voting.submit().run_dir
    table = read_ranked_predictions(folder, "test", made_up.dataset, "|")
    first = np.array(made_up.dataset.classes)[first_labels(preds["test"])]
    assert table["label"].str.partition("|")[0].tolist() == first.tolist()
    numbers = table["confidences"].str.split("|")
    assert all(sorted(map(float, row), reverse=True) == list(map(float, row)) for row in numbers)

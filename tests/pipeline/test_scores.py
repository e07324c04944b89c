"""Scores one can trust: intervals cover, differences are paired, tables add up, meaningless labels score chance."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import TINY_TRANSFORMER, Workspace

from latefusion.config import load_experiment
from latefusion.metrics.calibration import expected_calibration_error, fit_temperature, reliability, temper
from latefusion.metrics.f1 import METRICS
from latefusion.scores.environment import run_section
from latefusion.scores.intervals import bootstrap, interval, mcnemar
from latefusion.scores.results import Results
from latefusion.scores.tables import best_expert, best_policy
from latefusion.tables.dataset import read_dataset
from latefusion.utils.errors import InputError
from latefusion.utils.files import write_json

RULES = ("mean", "weighted_mean", "max", "product")


def decisions(rng, n: int, accuracy: float, num_classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    targets = rng.integers(num_classes, size=n)
    return targets, np.where(rng.random(n) < accuracy, targets, rng.integers(num_classes, size=n))


@pytest.mark.parametrize(("metric", "least"), [("accuracy", 88), ("macro_f1", 80)])
def test_intervals_cover_the_true_score_about_as_often_as_they_say(metric, least):
    """Also of macro-F1 where some classes have but a few products."""
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, 13)
    shares /= shares.sum()

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        targets = rng.choice(12, size=n, p=shares)
        return targets, np.where(rng.random(n) < 0.6, targets, rng.integers(12, size=n))

    truth = METRICS[metric](*draw(400_000))
    covered = 0
    for _ in range(100):
        targets, preds = draw(300)
        low, high = interval(METRICS[metric](targets, preds), bootstrap(targets, preds[None], 12)[metric][0])
        covered += low <= truth <= high
    assert least <= covered <= 99


def test_draws_are_scores_of_resampled_products():
    rng = np.random.default_rng(0)
    targets, preds = decisions(rng, 300, 0.5)
    draws = bootstrap(targets, preds[None], 4)
    for metric, function in METRICS.items():
        resampled = []
        for _ in range(300):
            rows = rng.integers(300, size=300)
            resampled.append(function(targets[rows], preds[rows]))
        assert np.mean(draws[metric][0]) == pytest.approx(np.mean(resampled), abs=0.006)
        assert np.std(draws[metric][0]) == pytest.approx(np.std(resampled), rel=0.15)


def test_differences_are_paired():
    """Two methods that differ on five products of 500 differ by little in every draw."""
    targets, preds = decisions(np.random.default_rng(0), 500, 0.7)
    other = preds.copy()
    other[:5] = targets[:5]
    draws = bootstrap(targets, np.stack([other, preds]), 4)["accuracy"]
    assert np.std(draws[0] - draws[1]) < 0.25 * np.std(draws[0])
    assert (draws[0] >= draws[1]).all()


def test_mcnemar_counts_who_alone_is_right():
    targets = np.zeros(10, int)
    first, other = np.array([0] * 9 + [1]), np.array([1] * 8 + [0, 0])
    assert mcnemar(targets, first, other)[:2] == (8, 1)
    assert mcnemar(targets, first, other)[2] == pytest.approx(20 / 512)  # 2 * P(at most 1 of 9)
    assert mcnemar(targets, first, first) == (0, 0, 1.0)


def test_calibration_error_is_the_distance_of_confidence_and_accuracy():
    probs = np.tile([0.8, 0.2], (10, 1))
    targets = np.array([0] * 5 + [1] * 5)
    assert expected_calibration_error(targets, probs) == pytest.approx(0.3)
    assert reliability(targets, probs)["n"].tolist() == [10]
    certain = np.tile([1.0, 0.0], (10, 1))
    assert expected_calibration_error(targets, certain) == pytest.approx(0.5)


def test_tempering_mends_what_is_too_sure_and_keeps_its_decisions():
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(5), 3000)
    targets = np.array([rng.choice(5, p=row) for row in probs])
    sure = temper(probs, 1 / 3)
    temperature, _ = fit_temperature(np.log(sure), targets)
    assert temperature == pytest.approx(3, rel=0.1)
    mended = temper(sure, temperature)
    assert expected_calibration_error(targets, mended) < 0.3 * expected_calibration_error(targets, sure)
    assert np.array_equal(mended.argmax(axis=1), probs.argmax(axis=1))


def read(trained_run: Workspace, name: str) -> pd.DataFrame:
    return pd.read_csv(trained_run.run_root / "scores" / f"{name}.csv", dtype={"class": str})


def test_every_score_lies_in_its_interval(trained_run):
    scores = read(trained_run, "scores")
    assert list(scores.columns) == ["method", "kind", "split", "metric", "value", "low", "high", "n"]
    accuracy = scores[scores["metric"] == "accuracy"]
    assert (accuracy["low"] <= accuracy["value"]).all()
    assert (accuracy["value"] <= accuracy["high"]).all()


def test_gains_are_against_the_expert_that_is_best_on_valid(trained_run):
    scores = read(trained_run, "scores").set_index(["method", "split", "metric"])["value"]
    comparisons = read(trained_run, "comparisons")
    experts = ["tfidf", "camembert", "cnn_raw", "cnn_clean", "dcl_clean", "dcl_late"]  # and none of kind joint
    best = max(experts, key=lambda name: scores[name, "valid", "macro_f1"])
    assert set(comparisons["against"]) == {best}
    for row in comparisons.itertuples():
        gain = scores[row.method, row.split, "macro_f1"] - scores[best, row.split, "macro_f1"]
        assert row.macro_f1_gain == pytest.approx(gain)


def scores_report(workspace: Workspace) -> str:
    return (workspace.folder / "submissions" / "tiny" / "scores.md").read_text()


def test_the_best_policy_is_named_by_the_tables_own_valid_column(trained_run):
    """Of all kinds, with its gain on test."""
    scores, report = read(trained_run, "scores"), scores_report(trained_run)
    valid = scores[(scores["split"] == "valid") & (scores["metric"] == "macro_f1")]
    policies = valid[valid["kind"].isin(["policy", "rule"])].set_index("method")["value"]
    gains = read(trained_run, "comparisons").set_index(["method", "split"])["macro_f1_gain"]
    best = policies.idxmax()
    assert (
        f"by valid macro-F1, of {len(policies)}: {best}, {100 * policies[best]:.2f} on valid; test gain over" in report
    )
    assert f"{100 * gains[best, 'test']:+.2f} [" in report.split("Best policy by valid")[1].split("]")[0]


def test_a_rule_may_be_the_best_policy():
    rows = [
        ("one", "policy", "valid", 0.7), ("one", "policy", "test", 0.9), ("product", "rule", "valid", 0.8),
        ("expert", "text", "valid", 0.9), ("vote", "vote", "valid", 0.95),
    ]  # fmt: skip
    scores = pd.DataFrame(rows, columns=["method", "kind", "split", "value"]).assign(metric="macro_f1")
    assert best_policy(scores) == "product"
    assert best_policy(scores[scores["kind"] == "text"]) is None


def test_the_page_says_what_its_numbers_are_not(trained_run):
    report = scores_report(trained_run)
    assert "drawn by the project so that fusion helps" in report
    assert "only 4 % in both" in report
    left = report.split("What is left of a label's influence on its own row: ")[1].splitlines()[0]
    assert "those of camembert, cnn_raw, dcl_clean (on noise" in left  # tfidf and a late epoch choose by no label
    assert "dcl_clean, dcl_late, frozen began from the weights" in left
    assert "denoise.clean_valid" not in left
    assert "dcl_late is dcl_clean on test: epoch 1 is also its best" in report


def environments(records: dict[str, dict | None], folder) -> str:
    for name, environment in records.items():
        record = {"run": "x"} if environment is None else {"run": "x", "environment": environment}
        write_json(folder / name / "job.json", record)
    return run_section(SimpleNamespace(done=set(records), experiment=SimpleNamespace(run_root=folder)))


def test_the_environment_is_one_line_where_all_jobs_agree(tmp_path):
    same = {"device": "cpu", "mixed_precision": "no", "versions": {"torch": "2.15", "timm": "1.0"}, "code": None}
    section = environments({"a": same, "b": same}, tmp_path)
    assert section == ("## Run\n\nAll jobs: device cpu, mixed precision no, torch 2.15, timm 1.0, code not recorded.")


def test_the_environment_is_told_by_job_where_they_differ(tmp_path):
    cpu, gpu = {"device": "cpu", "threads": 2}, {"device": "NVIDIA H100", "threads": 2}
    section = environments({"a": cpu, "b": gpu, "c": cpu}, tmp_path)
    assert section == "## Run\n\nAll jobs: threads 2.\n\n- device differs: cpu (a, c); NVIDIA H100 (b)"
    section = environments({"a": cpu, "b": None, "c": cpu}, tmp_path)
    assert "- threads differs: 2 (a, c); not recorded (b)" in section
    assert environments({"a": None, "b": None, "c": None}, tmp_path) == "## Run\n\nEnvironment: not recorded."


def test_a_damaged_record_of_the_environment_is_named(tmp_path):
    write_json(tmp_path / "a" / "job.json", ["x"])
    with pytest.raises(InputError, match=r"a/job.json: it is not a JSON object"):
        run_section(SimpleNamespace(done={"a"}, experiment=SimpleNamespace(run_root=tmp_path)))


def test_the_best_expert_is_chosen_without_a_look_at_test():
    rows = [
        ("a", "text", "valid", 0.6),
        ("a", "text", "test", 0.5),
        ("b", "image", "valid", 0.5),
        ("b", "image", "test", 0.7),
    ]
    rows += [("c", "joint", "valid", 0.9)]  # fuses already
    scores = pd.DataFrame(rows, columns=["method", "kind", "split", "value"]).assign(metric="macro_f1")
    assert best_expert(scores) == "a"


def test_class_scores_average_to_macro_f1(trained_run):
    scores = read(trained_run, "scores").set_index(["method", "split", "metric"])["value"]
    classes = read(trained_run, "classes")
    seen = classes[classes["predicted"] + classes["labelled"] > 0]
    for (method, split), f1 in seen.groupby(["method", "split"])["f1"].mean().items():
        assert f1 == pytest.approx(scores[method, split, "macro_f1"])


def test_an_oracle_is_right_where_either_is(trained_run):
    scores = read(trained_run, "scores").set_index(["method", "split", "metric"])["value"]
    for row in read(trained_run, "pairs").itertuples():
        assert row.both + row.only_text + row.only_image + row.neither == pytest.approx(1)
        assert row.both + row.only_text == pytest.approx(scores[row.text, row.split, "accuracy"])
        assert row.oracle_accuracy == pytest.approx(1 - row.neither)


def test_a_member_adds_what_the_vote_loses_without_it(trained_run):
    votes, scores = (
        read(trained_run, "votes"),
        read(trained_run, "scores").set_index(["method", "split", "metric"])["value"],
    )
    assert set(votes["member"]) == {"one_layer", "two_layers"}
    for row in votes.itertuples():
        assert row.vote_without + row.adds == pytest.approx(scores["vote", row.split, "macro_f1"])
        other = ({"one_layer", "two_layers"} - {row.member}).pop()
        assert row.vote_without == pytest.approx(scores[other, row.split, "macro_f1"])  # a vote of one


def test_votes_of_subsets_and_the_soft_vote_are_rows(trained_run, monkeypatch):
    monkeypatch.chdir(trained_run.folder)
    experiment = load_experiment(trained_run.config, ["vote.subsets={alone: [one_layer]}"])
    results = Results(experiment, read_dataset(experiment))
    methods = {method.name: method for method in results.methods if method.kind == "vote"}
    assert list(methods) == ["vote", "soft vote", "vote alone"]
    alone = next(method for method in results.methods if method.name == "one_layer")
    assert np.array_equal(results.preds(methods["vote alone"], "test"), results.preds(alone, "test"))
    soft = results.probs(methods["soft vote"], "test")
    assert np.array_equal(results.preds(methods["soft vote"], "test"), soft.argmax(axis=1))


def test_with_shuffled_labels_every_reported_score_is_chance(workspace):
    """Texts that tell nothing of their labels, through experts, policies of every kind and the vote."""
    rng = np.random.default_rng(0)
    words = [f"word{number}" for number in range(40)]
    titles = [" ".join(rng.choice(words, 6)) for _ in range(900)]
    labels = rng.permutation(np.repeat(["a", "b", "c"], 300))
    pd.DataFrame({"id": range(900), "title": titles, "label": labels}).to_csv(
        workspace.folder / "products.csv", index=False
    )
    networks = {"n_folds": 4, "epochs": 40, "lr": 0.05}
    experts = {"experts": ["tfidf", "camembert"], "n_folds": 4}
    workspace.write_config(
        {
            "catalogue": {"format": "table", "root": ".", "columns": {"description": None, "image": None}},
            "split": {"valid_fraction": 0.4, "test_fraction": 0.3},
            "experts": {
                "tfidf": {"kind": "tfidf", "regularisation": [1.0]},
                "camembert": TINY_TRANSFORMER | {"train": {"epochs": 12, "batch_size": 32, "lr": 0.01}},
            },
            "policies": {
                "one_layer": experts | networks,
                "two_layers": experts | networks | {"layers": 2, "calibrate": True},
                "logistic": experts | {"kind": "logistic"},
                "boosting": experts | {"kind": "boosting", "trees": 5},
            }
            | {kind: experts | {"kind": kind} for kind in RULES},
            "hardware": {"num_workers": 0, "mixed_precision": "no"},
        }
    )
    workspace.run_all()
    scores = pd.read_csv(workspace.run_root / "scores/scores.csv")
    accuracy = scores[scores["metric"] == "accuracy"].set_index(["method", "split"])
    assert len(accuracy) == 2 * (2 + 8 + 2)  # experts, policies, vote and soft vote
    spread = (accuracy["high"] - accuracy["low"]) / (2 * 1.96)
    assert ((accuracy["value"] - 1 / 3).abs() < 3 * spread).all()

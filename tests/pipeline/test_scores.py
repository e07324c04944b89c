"""Score tables of a trained run add up; with shuffled labels every reported score is chance."""

import shutil

import numpy as np
import pandas as pd
import pytest
from helpers.configs import TINY_TRANSFORMER
from helpers.policies import READS
from helpers.workspace import Workspace

from latefusion.fusion.kinds import POLICIES
from latefusion.scores.results import Results
from latefusion.tables.dataset import read_dataset
from latefusion.utils.files import read_json

OTHER_KINDS = sorted(set(POLICIES) - {"network"})  # of policies: a new kind is scored on shuffled labels too
FEWER = {"boosting": {"trees": 5}}


def test_every_score_lies_in_its_interval(trained_run):
    scores = trained_run.read_scores()
    assert list(scores.columns) == ["method", "kind", "split", "metric", "value", "low", "high", "n"]
    accuracy = scores[scores["metric"] == "accuracy"]
    assert (accuracy["low"] <= accuracy["value"]).all()
    assert (accuracy["value"] <= accuracy["high"]).all()


def test_gains_are_against_the_expert_that_is_best_on_valid(trained_run):
    scores = trained_run.read_scores().set_index(["method", "split", "metric"])["value"]
    comparisons = trained_run.read_scores("comparisons")
    experts = ["tfidf", "camembert", "cnn_raw", "cnn_clean", "dcl_clean", "dcl_late"]  # and none of kind joint
    best = max(experts, key=lambda name: scores[name, "valid", "macro_f1"])
    assert set(comparisons["against"]) == {best}
    for row in comparisons.itertuples():
        gain = scores[row.method, row.split, "macro_f1"] - scores[best, row.split, "macro_f1"]
        assert row.gain == pytest.approx(gain)


def scores_report(workspace: Workspace) -> str:
    return (workspace.folder / "submissions" / "tiny" / "scores.md").read_text()


def test_the_best_policy_is_named_by_the_tables_own_valid_column(trained_run):
    """Of all kinds, with its gain on test."""
    scores, report = trained_run.read_scores(), scores_report(trained_run)
    valid = scores[(scores["split"] == "valid") & (scores["metric"] == "macro_f1")]
    policies = valid[valid["kind"].isin(["policy", "rule"])].set_index("method")["value"]
    gains = trained_run.read_scores("comparisons").set_index(["method", "split"])["gain"]
    best = policies.idxmax()
    assert (
        f"by valid macro-F1, of {len(policies)}: {best}, {100 * policies[best]:.2f} on valid; test gain over" in report
    )
    assert f"{100 * gains[best, 'test']:+.2f} [" in report.split("Best policy by valid")[1].split("]")[0]


def test_the_report_says_what_its_numbers_are_not(trained_run):
    report = scores_report(trained_run)
    assert "drawn by the project so that fusion helps" in report
    assert "only 4 % in both" in report
    left = report.split("Remaining ways in which a product's label influences its own decision: ")[1].splitlines()[0]
    assert (
        "the epochs of camembert, cnn_raw, dcl_clean, and policies" in left
    )  # tfidf and a late epoch choose by no label
    assert "dcl_clean, dcl_late, frozen started from another expert's weights" in left
    assert "denoise.clean_valid" not in left
    assert "on test dcl_late equals dcl_clean, whose best epoch is also epoch 1" in report


def test_the_report_begins_with_the_submitted_vote(trained_run):
    scores = trained_run.read_scores().set_index(["method", "split", "metric"])["value"]
    report = scores_report(trained_run)
    right, macro_f1 = (100 * scores["vote", "test", metric] for metric in ("accuracy", "macro_f1"))
    assert report.startswith(f"# tiny\n\nSubmitted is **vote**, right for {right:.1f} [")
    assert f"% of the 60 test products, with macro-F1 {macro_f1:.1f} [" in report.splitlines()[2]
    choice = trained_run.read_scores("choice")
    assert choice.loc[choice["submitted"], "method"].tolist() == ["vote"]


def test_the_best_method_is_submitted_where_the_config_says_so(copied):
    """The vote of two bad policies is not; and every method is a candidate."""
    labels = submitted_labels(copied)
    copied.run("08_vote.py", "--set", "submit=best")
    copied.run("09_predict.py", "--set", "submit=best")
    facts = read_json(copied.run_root / "submission/metrics.json")
    choice = copied.read_scores("choice")
    assert {row["method"] for row in facts["candidates"]} == set(copied.read_scores()["method"])
    assert choice.loc[choice["submitted"], "method"].tolist() == [facts["method"]] == ["tfidf"]
    assert choice.set_index("method").loc["end_to_end", "models"] == 2
    probs = pd.read_parquet(copied.run_root / "experts/tfidf/test_probs.parquet")
    assert submitted_labels(copied) == probs.idxmax(axis=1).to_dict() != labels
    copied.run("08_vote.py")
    copied.run("09_predict.py")
    assert submitted_labels(copied) == labels


def test_08_and_09_warn_that_the_submitted_vote_is_clearly_worse(copied, caplog):
    warning = "the vote is clearly worse than tfidf: accuracy"  # of 27 classes with 60 products
    assert f"**Warning:** {warning}" in scores_report(copied)
    for script in ("08_vote.py", "09_predict.py"):
        caplog.clear()
        copied.run(script)
        assert warning in caplog.text
        assert "set submit: best" in caplog.text


def submitted_labels(workspace: Workspace) -> dict[str, str]:
    paths = (workspace.folder / "submissions/tiny").glob("*_pred.tsv")
    tables = (pd.read_csv(path, sep="\t", dtype=str, index_col="Integer_id") for path in paths)
    return pd.concat(tables)["Prdtypecode"].to_dict()


def test_the_submitted_labels_are_those_of_the_vote(trained_run):
    vote = pd.read_parquet(trained_run.run_root / "vote/test_preds.parquet")
    assert submitted_labels(trained_run) == vote["label"].to_dict()
    submission = pd.read_parquet(trained_run.run_root / "submission/test_preds.parquet")
    assert submission["label"].to_dict() == vote["label"].to_dict()


def test_a_submission_that_is_not_done_is_refused_with_the_step_to_run(copied, capsys):
    shutil.rmtree(copied.run_root / "submission")
    with pytest.raises(SystemExit):
        copied.run("09_predict.py")
    assert "the submission is not done: run src/08_vote.py --config" in capsys.readouterr().err
    copied.run("08_vote.py", "--only", "vote")
    assert "Nothing is submitted yet" in scores_report(copied)


def test_class_scores_average_to_macro_f1(trained_run):
    scores = trained_run.read_scores().set_index(["method", "split", "metric"])["value"]
    classes = trained_run.read_scores("classes")
    seen = classes[classes["predicted"] + classes["labelled"] > 0]
    for (method, split), f1 in seen.groupby(["method", "split"])["f1"].mean().items():
        assert f1 == pytest.approx(scores[method, split, "macro_f1"])


def test_an_oracle_is_right_where_either_is(trained_run):
    scores = trained_run.read_scores().set_index(["method", "split", "metric"])["value"]
    for row in trained_run.read_scores("pairs").itertuples():
        assert row.both + row.only_text + row.only_image + row.neither == pytest.approx(1)
        assert row.both + row.only_text == pytest.approx(scores[row.text, row.split, "accuracy"])
        assert row.oracle_accuracy == pytest.approx(1 - row.neither)


def test_a_member_adds_what_the_vote_loses_without_it(trained_run):
    votes, scores = (
        trained_run.read_scores("votes"),
        trained_run.read_scores().set_index(["method", "split", "metric"])["value"],
    )
    assert set(votes["member"]) == {"one_layer", "two_layers"}
    for row in votes.itertuples():
        assert row.vote_without + row.adds == pytest.approx(scores["vote", row.split, "macro_f1"])
        other = ({"one_layer", "two_layers"} - {row.member}).pop()
        assert row.vote_without == pytest.approx(scores[other, row.split, "macro_f1"])  # a vote of one


def test_votes_of_subsets_and_the_soft_vote_are_rows(trained_run, monkeypatch):
    monkeypatch.chdir(trained_run.folder)
    experiment = trained_run.experiment("vote.subsets={alone: [one_layer]}")
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
            }
            | {
                kind: {"n_folds": 4, "kind": kind} | READS.get(kind, experts) | FEWER.get(kind, {})
                for kind in OTHER_KINDS
            },
            "hardware": {"num_workers": 0, "mixed_precision": "no"},
        }
    )
    workspace.run_all()
    scores = pd.read_csv(workspace.run_root / "scores/scores.csv")
    accuracy = scores[scores["metric"] == "accuracy"].set_index(["method", "split"])
    assert len(accuracy) == 2 * (2 + 2 + len(OTHER_KINDS) + 2)  # experts, policies, vote and soft vote
    spread = (accuracy["high"] - accuracy["low"]) / (2 * 1.96)
    assert ((accuracy["value"] - 1 / 3).abs() < 3 * spread).all()

"""Scores are made again if, and only if, something that they depend on has changed."""

from pathlib import Path

import pytest
from helpers.workspace import Workspace

from latefusion.scores import current, write
from latefusion.tables.dataset import read_dataset
from latefusion.utils.errors import InputError
from latefusion.utils.files import read_json, write_json

COMMIT = "0123456789ab"


@pytest.fixture(scope="module")
def scored(trained_run, tmp_path_factory) -> Workspace:
    """A finished run with scores of code without uncommitted changes; tests must not change it."""
    workspace = trained_run.copy(tmp_path_factory.mktemp("scored") / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workspace.folder)
        patch.setattr(current, "code_version", lambda: COMMIT)
        score(workspace)
    return workspace


@pytest.fixture
def run(scored, tmp_path, monkeypatch) -> Workspace:
    """A copy of it, and its code."""
    workspace = scored.copy(tmp_path / "run")
    monkeypatch.chdir(workspace.folder)
    monkeypatch.setattr(current, "code_version", lambda: COMMIT)
    return workspace


def score(workspace: Workspace, *settings: str) -> bool:
    """Write the scores; return whether they were made again."""
    made, own = [], write.score_table
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "score_table", lambda results: made.append(1) or own(results))
        experiment = workspace.experiment(*settings)
        report = write.write_scores(experiment, read_dataset(experiment), page=lambda *values: "page")
    assert report == (workspace.folder / "submissions/tiny/scores.md").read_text()
    return bool(made)


def test_scores_of_an_unchanged_run_are_not_made_again(run):
    before = run.snapshot()
    assert not score(run)
    assert run.snapshot() == before


def edit_a_table(run: Workspace) -> None:
    path = run.run_root / "scores/classes.csv"
    path.write_text(path.read_text().replace("0.", "1."))


def retrain(run: Workspace) -> None:
    """Give a job the record of another run."""
    path = run.run_root / "experts/tfidf/job.json"
    record = read_json(path)
    record["environment"]["cpu_threads"] = 1234
    write_json(path, record)


def test_the_script_leaves_the_report(trained_run):
    report = (trained_run.folder / "submissions/tiny/report.html").read_text(encoding="utf-8")
    assert "<title>tiny: report</title>" in report
    assert '"mistakes":[{"id":' in report


@pytest.mark.parametrize(
    "change",
    [
        edit_a_table,
        retrain,
        lambda run: (run.folder / "submissions/tiny/scores.md").unlink(),
        lambda run: (run.folder / "submissions/tiny/report.html").write_text("half"),
        lambda run: (run.folder / "submissions/tiny/README.md").unlink(),
        lambda run: (run.run_root / "scores/current.json").write_text("half"),
        lambda run: (run.run_root / "vote/job.json").unlink(),
    ],
)
def test_scores_are_made_again_after_a_change(run, change):
    change(run)
    assert score(run)


def test_scores_are_not_made_again_after_equal_results(run):
    for name in ("job.json", "test_probs.parquet"):
        (run.run_root / "experts/tfidf" / name).touch()
    assert not score(run)
    damaged = run.run_root / "experts/tfidf/test_probs.parquet"
    damaged.write_bytes(damaged.read_bytes()[::-1])
    with pytest.raises(InputError, match=r"tfidf is damaged: test_probs\.parquet has changed"):
        score(run)


def test_other_code_makes_the_scores_again(run, monkeypatch):
    monkeypatch.setattr(current, "code_version", lambda: "ba9876543210")
    assert score(run)
    monkeypatch.setattr(current, "code_version", lambda: "ba9876543210+changes")
    assert score(run)
    assert score(run)  # uncommitted changes: nobody knows whether they are the same


def test_a_changed_file_of_true_labels_makes_the_scores_again(run):
    labels = Path(run.experiment().catalogue.root) / run.experiment().catalogue.test_labels
    content = labels.read_bytes()
    assert not score(run)
    labels.write_bytes(content + b"\n")
    assert score(run)

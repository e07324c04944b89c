"""`--summary`: of a finished experiment six lines at once; if anything has changed, what there is to do."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.workspace import REPOSITORY, Workspace

from latefusion.scores import current
from latefusion.steps import finished
from latefusion.utils.files import read_json

KEYS = {"key", "name", "kind", "script", "state", "why", "needs", "running", "seconds", "run_dir"}


@pytest.fixture(scope="module")
def scored(trained_run, tmp_path_factory) -> Workspace:
    """A finished run whose scores and predictions are of code without uncommitted changes."""
    workspace = trained_run.copy(tmp_path_factory.mktemp("scored") / "run")
    with pytest.MonkeyPatch.context() as patch:
        pretend(patch, "0123456789ab")
        for script in ("08_vote.py", "09_predict.py"):
            workspace.run(script)
    return workspace


@pytest.fixture
def run(scored, tmp_path, monkeypatch) -> Workspace:
    pretend(monkeypatch, "0123456789ab")
    copy = scored.copy(tmp_path / "run")  # with the times of the files
    monkeypatch.chdir(copy.folder)
    return copy


def pretend(patch: pytest.MonkeyPatch, code: str) -> None:
    for module in (current, finished):
        patch.setattr(module, "code_version", lambda: code)


def summary(run: Workspace, capsys, *arguments: str) -> tuple[str, int]:
    """Return what `--summary` prints, and the exit status."""
    try:
        run.run("10_validate.py", "--summary", *arguments)
    except SystemExit as stop:
        return capsys.readouterr().out, stop.code
    return capsys.readouterr().out, 0


def test_a_finished_experiment_is_told_in_six_lines(run, capsys):
    text, status = summary(run, capsys)
    assert status == 0
    lines = dict(line.split(maxsplit=1) for line in text.replace("over text", "over_text").splitlines())
    assert list(lines) == ["submitted", "score", "coverage", "over_text", "predictions", "more"]
    assert lines["submitted"] == "tiny: the vote of 2 policies (submit: vote)"
    scores = run.read_scores().query("method == 'vote' and split == 'test' and metric == 'macro_f1'")
    assert f"macro-F1 {100 * scores['value'].item():.1f} [" in lines["score"]
    assert f"on {scores['n'].item()} test products" in lines["score"]
    assert "over tfidf, the best text expert" in lines["over_text"]
    assert all((run.folder / path).is_file() for path in lines["predictions"].split(", "))
    assert "submissions/tiny/scores.md" in lines["more"]
    assert "weights/tiny" in lines["more"]


def edit(pattern: str) -> Callable[[Workspace], None]:
    def change(run: Workspace) -> None:
        path = sorted(run.folder.glob(pattern))[0]
        path.write_bytes(path.read_bytes() + b"1\n")

    return change


def remove(pattern: str) -> Callable[[Workspace], None]:
    return lambda run: sorted(run.folder.glob(pattern))[0].unlink()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (edit("data/sample/X_train.tsv"), "0 of 14 jobs are done; the next is catalogue: src/01_prepare.py"),
        (remove("data/sample/image_training/*"), "the next is catalogue: src/01_prepare.py"),
        (edit("data/sample/hidden/y_test.csv"), "not their scores: src/08_vote.py"),
        (edit("weights/tiny/experts/tfidf/test_probs.parquet"), "the next is experts/tfidf: src/02_train_text.py"),
        (edit("submissions/tiny/scores.md"), "their scores have changed"),
        (remove("weights/tiny/scores/summary.json"), "not their scores: src/08_vote.py"),
        (edit("submissions/tiny/y_test*"), "not the predictions: src/09_predict.py"),
        (remove("submissions/tiny/y_test*"), "not the predictions: src/09_predict.py"),
    ],
    ids=["table", "image", "true labels", "results", "report", "summary", "edited", "removed"],
)
def test_whatever_has_changed_is_to_be_done(run, capsys, change, says):
    change(run)
    text, status = summary(run, capsys)
    assert status == 3
    assert says in text


def test_other_settings_and_other_code_are_not_finished(run, capsys, monkeypatch):
    text, status = summary(run, capsys, "--set", "policies.one_layer.epochs=6")
    assert (status, "the next is policies/one_layer" in text) == (3, True)
    pretend(monkeypatch, "another")
    assert summary(run, capsys)[1] == 3
    pretend(monkeypatch, "0123456789ab+changes")  # of which nobody knows whether they are those of the last time
    run.run("08_vote.py")
    run.run("09_predict.py")
    capsys.readouterr()
    text, status = summary(run, capsys)
    assert (status, text.startswith("submitted ")) == (4, True)


def test_scores_without_a_submission_say_so(run, capsys):
    (run.run_root / "submission/job.json").unlink()
    run.run("08_vote.py", "--only", "vote")
    assert "nothing yet: the job `submission` is not done" in capsys.readouterr().out


def test_the_answer_needs_no_torch(scored):
    code = (
        "import sys; from pathlib import Path; from latefusion.config import load_experiment; "
        "from latefusion.steps.finished import finished_summary; "
        "assert finished_summary(load_experiment(Path('tiny.yaml')))[1]; "  # the code of this process is another one
        "print(sorted({'torch', 'sklearn', 'cv2', 'timm', 'transformers'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=scored.folder, check=True, capture_output=True, text=True,
        env={"PYTHONPATH": str(REPOSITORY / "src"), "PATH": ""},
    )  # fmt: skip
    assert found.stdout.strip() == "[]"


def test_the_jobs_are_listed_as_json(run, capsys):
    (run.run_root / "experts/tfidf/metrics.json").unlink()
    path = run.run_root / "experts/cnn_raw/job.json"
    path.write_text(json.dumps(read_json(path) | {"run": None}))
    run.run("02_train_text.py", "--list", "--json")
    listed = json.loads(capsys.readouterr().out)
    assert (listed["version"], listed["experiment"]) == (1, "tiny")
    jobs = {job["key"]: job for job in listed["jobs"]}
    assert all(set(job) == KEYS for job in jobs.values())
    assert set(jobs) == set(run.jobs())
    assert [job["script"] for job in listed["jobs"]] == sorted(job["script"] for job in listed["jobs"])
    tfidf, cnn = jobs["experts/tfidf"], jobs["experts/cnn_raw"]
    assert (tfidf["state"], tfidf["why"]) == ("to do", "metrics.json is missing")
    assert (cnn["state"], cnn["running"]) == ("begun", None)
    assert jobs["catalogue"]["seconds"] > 0
    assert jobs["denoise"]["needs"] == ["catalogue"]
    assert Path(jobs["denoise"]["run_dir"]) == Path("weights/tiny/denoise")


def test_json_belongs_to_list(run, capsys):
    with pytest.raises(SystemExit, match="2"):
        run.run("02_train_text.py", "--json")
    assert "--json belongs to --list" in capsys.readouterr().err


def test_a_job_that_another_process_runs_is_not_called_interrupted(run, capsys):
    path = run.run_root / "experts/tfidf/job.json"
    path.write_text(json.dumps(read_json(path) | {"run": None}))
    code = (
        "import sys; from pathlib import Path; from latefusion.utils.locks import locked\n"
        "with locked(Path('weights/tiny/experts/tfidf')):\n    print('held', flush=True); sys.stdin.readline()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code], cwd=run.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={"PYTHONPATH": str(REPOSITORY / "src")},
    )  # fmt: skip
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SystemExit, match="2"):
            run.run("07_fuse.py", "--only", "one_layer")
        said = capsys.readouterr().err
        run.run("02_train_text.py", "--list", "--json")
        listed = {job["key"]: job for job in json.loads(capsys.readouterr().out)["jobs"]}
        holder.stdin.write("\n")
    assert f"one_layer needs tfidf, which process {holder.pid} on " in said
    assert "wait until it is done" in said
    assert listed["experts/tfidf"]["state"] == "running"
    assert listed["experts/tfidf"]["running"]["pid"] == holder.pid

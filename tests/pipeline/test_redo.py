"""`--redo NAME` makes one job again from its start, although it is done."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.damage import Cut, dying
from helpers.workspace import REPOSITORY, Workspace

from latefusion.training import loop
from latefusion.utils.files import read_json

UNEQUAL = ("job.json", "log.jsonl")  # tokens and speeds: no two attempts share them


def attempt(workspace: Workspace, folder: str) -> str:
    """Return the token of a job's latest attempt, which is new whenever the job begins from its start."""
    return read_json(workspace.run_root / folder / "job.json")["attempt"]


def not_done(workspace: Workspace) -> set[str]:
    return {job.name for job in workspace.jobs().values() if job.state() != "done"}


def results(workspace: Workspace) -> dict[str, bytes]:
    files = {Path(name): content for name, content in workspace.snapshot().items()}
    return {
        str(path): content
        for path, content in files.items()
        if path.name not in UNEQUAL and "tensorboard" not in path.parts
    }


@pytest.mark.parametrize(
    ("script", "folder"),
    [
        ("01_prepare.py", "catalogue"),
        ("02_train_text.py", "experts/camembert"),
        ("02_train_text.py", "experts/tfidf"),
        ("03_denoise.py", "denoise"),
        ("04_train_image.py", "experts/cnn_clean"),
        ("05_train_dcl.py", "experts/dcl_late"),
        ("06_train_joint.py", "experts/frozen"),
        ("07_fuse.py", "policies/one_layer"),
        ("08_vote.py", "vote"),
        ("08_vote.py", "submission"),
    ],
)
def test_a_done_job_is_made_again_gives_the_same_and_makes_nothing_stale(copied, script, folder):
    before, first = results(copied), attempt(copied, folder)
    others = {path: path.read_bytes() for path in copied.run_root.glob("**/job.json")}
    others.pop(copied.run_root / folder / "job.json")
    (copied.run_root / folder / "leftover").write_text("of the first attempt")
    copied.run(script, "--redo", folder.rsplit("/", 1)[-1])
    assert attempt(copied, folder) != first
    assert results(copied) == before  # and no leftover: the folder was emptied
    assert {path: path.read_bytes() for path in others} == others
    assert not_done(copied) == set()


def test_tfidf_made_again_by_another_process_makes_nothing_stale(copied):
    """In this very process all ids are the same: a file that holds one would go unnoticed."""
    command = [
        sys.executable,
        str(REPOSITORY / "src/02_train_text.py"),
        "--config",
        str(copied.config),
        "--redo",
        "tfidf",
    ]
    subprocess.run(
        command, cwd=copied.folder, check=True, capture_output=True, env=os.environ | {"PYTHONHASHSEED": "1"}
    )
    assert not_done(copied) == set()


def test_only_leaves_a_done_job_alone(copied):
    first = attempt(copied, "experts/tfidf")
    copied.run("02_train_text.py", "--only", "tfidf")
    assert attempt(copied, "experts/tfidf") == first


@pytest.mark.parametrize("option", ["--redo", "--only"])
def test_a_cut_job_is_begun_anew_by_redo_and_continued_by_only(copied, monkeypatch, caplog, option):
    before, run_dir = results(copied), copied.run_root / "experts/camembert"
    every_step = ("--set", "hardware.checkpoint_every=1")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", dying(loop.save_checkpoint, 3))
        with pytest.raises(Cut):
            copied.run("02_train_text.py", "--redo", "camembert", *every_step)
    caplog.set_level("INFO")
    cut = attempt(copied, "experts/camembert")
    assert list(run_dir.glob("checkpoints/step-*"))
    assert not_done(copied) >= {"camembert"}
    steps = dying(loop.TrainingLog.step, -1)  # counts, and never dies
    monkeypatch.setattr(loop.TrainingLog, "step", steps)
    copied.run("02_train_text.py", option, "camembert")
    of_all = 2 * -(-len(copied.read_products().query("split == 'train'")) // 32)  # two epochs in batches of 32
    assert steps.calls == (of_all if option == "--redo" else of_all - 3)
    assert (attempt(copied, "experts/camembert") == cut) == (option == "--only")
    assert ("camembert: continues in" in caplog.text) == (option == "--only")
    assert results(copied) == before
    assert not_done(copied) == set()


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("02_train_text.py", ("--only", "tfidf", "--redo", "tfidf"), "--redo: not allowed with argument --only"),
        ("02_train_text.py", ("--redo", "tfdif"), "--redo tfdif: no such job in this step; did you mean 'tfidf'?"),
        ("02_train_text.py", ("--redo", "cnn_raw"), "--redo cnn_raw: that is a job of src/04_train_image.py"),
        ("07_fuse.py", ("--redo", "tfidf"), "--redo tfidf: that is a job of src/02_train_text.py"),
    ],
)
def test_what_cannot_be_redone_is_refused_and_nothing_is_touched(copied, capsys, script, arguments, message):
    before = copied.snapshot()
    with pytest.raises(SystemExit) as stopped:
        copied.run(script, *arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert copied.snapshot() == before


def test_a_job_whose_need_is_missing_is_not_redone(copied, capsys):
    (copied.run_root / "experts/tfidf/test_probs.parquet").unlink()
    before = copied.snapshot()
    with pytest.raises(SystemExit):
        copied.run("07_fuse.py", "--redo", "one_layer")
    assert "one_layer needs tfidf, which is not done" in capsys.readouterr().err
    assert copied.snapshot() == before

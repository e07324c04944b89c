"""The Makefile, and scripts outside of an environment: what would be run, and what is said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.workspace import REPOSITORY


def planned(*arguments: str, folder: Path = REPOSITORY) -> str:
    """Return the commands that make would run in a folder, by this Makefile."""
    environment = {name: value for name, value in os.environ.items() if name not in ("VENV", "MAKEFLAGS", "TORCH")}
    command = ["make", "--dry-run", "--always-make", "--file", str(REPOSITORY / "Makefile"), *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout  # fmt: skip


@pytest.fixture
def other(tmp_path) -> Path:
    """An environment that was not made here."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(sys.executable)
    return tmp_path


def test_an_environment_that_exists_is_checked_and_nothing_is_installed(other):
    commands = planned("submission", f"VENV={other}")
    assert "pip" not in commands
    assert f"{other}/bin/python3 -m latefusion.utils.requirements" in commands
    assert f"{other}/bin/python3 src/$step.py" in commands
    assert "--any-version" in planned("env", f"VENV={other}", "VERSIONS=any")
    assert "--all" in planned("test-fast", f"VENV={other}")
    assert "pip install" not in planned("test-clusters", f"VENV={other}")


@pytest.fixture
def clone(tmp_path_factory) -> Path:
    """A fresh clone, as far as make looks at it."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("requirements.txt", "pyproject.toml"):
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("named", [False, True])
def test_an_environment_that_make_made_elsewhere_is_not_changed(other, clone, named):
    """The environment of another clone, named by VENV or linked to: its stamp is older than the requirements."""
    (other / "installed").touch()
    (clone / ".venv").symlink_to(other)
    commands = planned("submission", *([f"VENV={other}"] if named else []), folder=clone)
    assert "pip" not in commands
    assert "-m venv" not in commands
    assert "latefusion.utils.requirements" in commands


def test_an_environment_that_make_made_here_or_makes_is_filled(clone, tmp_path):
    for name in (".venv", "mine"):
        (clone / name / "bin").mkdir(parents=True)
        (clone / name / "bin/python").symlink_to(sys.executable)
    assert "pip install" in planned("env", folder=clone)
    assert "pip install" not in planned("env", "VENV=mine", folder=clone)
    (clone / "mine/installed").touch()
    assert "pip install" in planned("env", "VENV=mine", folder=clone)
    usual = planned("env", f"VENV={tmp_path / 'new'}")
    assert "pip install" in usual
    assert "about 6 GB" in usual  # before minutes of silence
    assert "whl/cpu" not in usual
    cpu = planned("env", f"VENV={tmp_path / 'new'}", "TORCH=cpu")
    assert cpu.index("whl/cpu") < cpu.index("--requirement requirements.txt")


def test_the_summary_is_asked_for_before_and_after_the_scripts(other):
    commands = planned("submission", f"VENV={other}", "CONFIG=my.yaml", "SET=--set a=1")
    first, loop, last = (commands.index("--summary"), commands.index("for step in"), commands.rindex("--summary"))
    assert first < loop < last
    assert commands.count("--config my.yaml --set a=1") == 3


@pytest.mark.parametrize("status", [0, 2])
def test_make_runs_the_scripts_only_if_there_is_something_to_do(other, status):
    """A stand-in for Python says that the experiment is finished, or that its config is wrong."""
    python = other / "bin/python3"
    python.unlink()
    python.write_text(f'#!/bin/sh\necho "$*" >> {other}/calls\ncase "$*" in *--summary*) exit {status};; esac\n')
    python.chmod(0o755)
    made = subprocess.run(["make", "submission", f"VENV={other}"], cwd=REPOSITORY, check=False, capture_output=True)
    assert (made.returncode == 0) == (status == 0)
    calls = [call for call in (other / "calls").read_text().splitlines() if call.startswith("src/")]
    assert calls == ["src/10_validate.py --config configs/sample.yaml --summary"]


def test_a_failed_script_ends_make(other):
    python = other / "bin/python3"
    python.unlink()
    python.write_text(
        f'#!/bin/sh\necho "$*" >> {other}/calls\n'
        'case "$*" in *--summary*) exit 3;; src/03*) exit 2;; esac\n'
    )  # fmt: skip
    python.chmod(0o755)
    made = subprocess.run(["make", "submission", f"VENV={other}"], cwd=REPOSITORY, check=False, capture_output=True)
    assert made.returncode != 0
    calls = [call.split()[0] for call in (other / "calls").read_text().splitlines() if call.startswith("src/")]
    assert calls[-1] == "src/03_denoise.py"


def test_a_script_without_the_projects_packages_says_so():
    command = [sys.executable, "-S", "src/02_train_text.py", "--help"]  # -S: without site-packages
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(command, cwd=REPOSITORY, env=environment, check=False, capture_output=True, text=True)
    assert found.returncode == 2
    assert found.stderr.startswith("error: ")
    assert "does not have the packages of this project" in found.stderr
    assert "make env" in found.stderr
    assert "Traceback" not in found.stderr

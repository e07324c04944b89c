"""Unit tests are fast: none of them runs a script, needs a trained run or starts a process."""

import multiprocessing.process
import subprocess

import pytest
from helpers.workspace import Workspace


@pytest.fixture(scope="session")
def trained_run() -> None:
    pytest.fail("a test that needs a trained run belongs in tests/pipeline")


@pytest.fixture(autouse=True)
def _no_scripts_or_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments, **keywords):
        pytest.fail("a test that runs a script or starts a process belongs in tests/pipeline")

    monkeypatch.setattr(Workspace, "run", refuse)
    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", refuse)

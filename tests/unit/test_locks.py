"""Locks: file systems without locks, errors under a lock, and who holds one."""

import subprocess
import sys

import pytest

from latefusion.utils import locks
from latefusion.utils.locks import holder_of, locked


def test_a_file_system_without_locks_is_said_and_worked_on(tmp_path, monkeypatch, caplog):
    def refuse(descriptor, how):
        raise OSError(locks.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "lockf", refuse)
    with locked(tmp_path / "job"):
        pass
    assert "has no locks" in caplog.text
    assert not list(tmp_path.iterdir())


def test_the_lock_is_released_after_an_error(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path / "job"):
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_the_holder_of_a_lock_is_known_to_other_processes_until_it_ends(tmp_path):
    assert holder_of(tmp_path / "job") is None
    code = (
        "import sys; from pathlib import Path; from latefusion.utils.locks import holder_of, locked\n"
        "with locked(Path('job')): print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        process.stdout.readline()
        assert f"process {process.pid} on " in holder_of(tmp_path / "job")
        process.kill()
    assert (tmp_path / "job.lock").exists()  # it remains, but nobody holds it
    assert holder_of(tmp_path / "job") is None

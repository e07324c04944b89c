"""One process at a piece of work, whoever dies."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from conftest import REPOSITORY

from latefusion.utils import locks
from latefusion.utils.errors import InputError
from latefusion.utils.locks import locked

HOLDER = """
import sys, time
from pathlib import Path
from latefusion.utils.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    if sys.argv[2:] == ["fork"]:
        import os
        os.fork()  # as a loader's worker
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Start processes that hold the lock on tmp_path / "job" until they are killed."""
    processes = []

    def start(*arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-c", HOLDER, str(tmp_path / "job"), *arguments]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, start_new_session=True,
            env={"PYTHONPATH": str(REPOSITORY / "src")},
        )  # fmt: skip
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_the_second_process_is_told_who_has_the_lock_and_since_when(tmp_path, holder):
    process = holder()
    with (
        pytest.raises(InputError, match=rf"job is being written by process {process.pid} on .* since 20") as refused,
        locked(tmp_path / "job"),
    ):
        pytest.fail("held twice")
    assert "run the same command again to continue" in str(refused.value)


@pytest.mark.parametrize("fork", [[], ["fork"]], ids=["alone", "with a child that lives on"])
def test_a_killed_process_holds_nothing(tmp_path, holder, fork):
    process = holder(*fork)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / "job.lock").exists()
    with locked(tmp_path / "job"):
        assert (tmp_path / "job.lock").exists()
    assert not list(tmp_path.iterdir())


def test_one_who_waits_gets_the_lock_when_the_holder_is_gone(tmp_path, holder):
    process = holder()
    subprocess.Popen([sys.executable, "-c", f"import os, time; time.sleep(.3); os.kill({process.pid}, 9)"]).wait()
    process.wait()
    started = time.monotonic()
    with locked(tmp_path / "job", wait=True):
        assert time.monotonic() - started < 10


def test_locks_of_different_work_do_not_meet(tmp_path, holder):
    holder()
    with locked(tmp_path / "other job"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"job.lock"}


def test_a_file_system_without_locks_is_said_and_worked_on(tmp_path, monkeypatch, caplog):
    def refuse(descriptor, how):
        raise OSError(locks.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "lockf", refuse)
    with locked(tmp_path / "job"):
        pass
    assert "has no locks" in caplog.text
    assert not list(tmp_path.iterdir())


def test_the_lock_is_given_back_after_an_error(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path / "job"):
        raise KeyError
    assert not list(tmp_path.iterdir())

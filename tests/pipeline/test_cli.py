"""How a script ends: by a message, whatever the machine, the environment or the user does to it."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import REPOSITORY, TINY_CNN, Workspace, tiny_config
from safetensors import SafetensorError

from latefusion.steps.failures import explain
from latefusion.steps.launch import process_rank
from latefusion.utils.errors import InputError

LAUNCHED = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
LAUNCHED |= {"MASTER_ADDR": "h", "MASTER_PORT": "1"}


def test_a_launchers_whole_set_of_variables_is_taken():
    assert process_rank({}) == 0
    assert process_rank({"SLURM_PROCID": "3", "MASTER_ADDR": "h", "MASTER_PORT": "29500"}) == 0
    assert process_rank(LAUNCHED) == 1
    assert process_rank({name: value for name, value in LAUNCHED.items() if name != "LOCAL_WORLD_SIZE"}) == 1


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"RANK": "1"}, "RANK set without WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE set without RANK"),
        ({"LOCAL_WORLD_SIZE": "0"}, "LOCAL_WORLD_SIZE set without RANK"),
        (LAUNCHED | {"LOCAL_WORLD_SIZE": "0"}, "LOCAL_WORLD_SIZE='0' is not a whole number of at least 1"),
        (LAUNCHED | {"RANK": "abc"}, "RANK='abc' is not a whole number of at least 0"),
        (LAUNCHED | {"RANK": ""}, "set without RANK. If they are from another run"),
        (LAUNCHED | {"RANK": "2"}, "RANK=2 must be below WORLD_SIZE=2"),
        (LAUNCHED | {"LOCAL_RANK": "5"}, "LOCAL_RANK=5 must be below LOCAL_WORLD_SIZE=2"),
        (LAUNCHED | {"LOCAL_WORLD_SIZE": "4"}, "LOCAL_WORLD_SIZE is larger than WORLD_SIZE"),
        (LAUNCHED | {"MASTER_PORT": "99999"}, "MASTER_PORT=99999 is not a port"),
    ],
)
def test_variables_left_over_from_another_run_are_refused(environment, message):
    with pytest.raises(InputError, match="`unset ") as caught:
        process_rank(environment)
    assert message in str(caught.value)


def start(workspace: Workspace, script: str, *arguments: str, **options) -> subprocess.Popen:
    command = [sys.executable, str(REPOSITORY / "src" / script), "--config", str(workspace.config), *arguments]
    return subprocess.Popen(command, cwd=workspace.folder, stderr=subprocess.PIPE, text=True, **options)


def test_a_script_says_so_rather_than_do_nothing_or_wait(workspace):
    workspace.write_config(tiny_config())
    for environment in ({"RANK": "1"}, {"WORLD_SIZE": "2"}):
        process = start(workspace, "01_prepare.py", env=os.environ | environment)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 2
        assert errors.startswith("error: invalid launcher variables in the environment")


@pytest.mark.parametrize("argument", ["--list", "--help"])
def test_a_reader_that_leaves_ends_a_script_quietly(workspace, argument):
    workspace.write_config(tiny_config())
    process = start(workspace, "01_prepare.py", argument, stdout=subprocess.PIPE)
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait(timeout=60) in (0, 141)  # argparse is silent on its own


WORK = """
import sys, time
sys.path.insert(0, {src!r})
from latefusion.steps import cli
from latefusion.steps import interrupt
interrupt.PATIENCE = {patience}

def work(experiment, only):
    {body}

def say_ready():
    print("ready", flush=True)

cli.run_script("test", work)
"""
SLEEP = "say_ready(); time.sleep(60)"
SWALLOW = """
    while True:
        try:
            say_ready()
            time.sleep(60)
        except KeyboardInterrupt:
            pass
"""
LIBRARY = """
    try:
        say_ready()
        time.sleep(60)
    except KeyboardInterrupt:
        raise RuntimeError("DataLoader worker (pid 1) exited unexpectedly")
"""


def run_work(body: str, *signals: int, patience: float = 30) -> tuple[int, str]:
    script = WORK.format(src=str(REPOSITORY / "src"), body=body, patience=patience)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    for number in signals:
        process.send_signal(number)
        time.sleep(0.3)
    _, errors = process.communicate(timeout=20)
    return process.returncode, errors


@pytest.mark.parametrize(
    ("body", "signals", "status", "message"),
    [
        (SLEEP, [signal.SIGINT], 130, "interrupted; run the same command again to continue\n"),
        (SLEEP, [signal.SIGTERM], 143, "terminated; run the same command again to continue\n"),
        (LIBRARY, [signal.SIGINT], 130, "interrupted; run the same command again to continue\n"),
        (SWALLOW, [signal.SIGINT, signal.SIGINT], 130, ""),
        (SWALLOW, [signal.SIGTERM, signal.SIGTERM], 143, ""),
    ],
    ids=["interrupted", "terminated", "in a library's words", "interrupted twice", "terminated twice"],
)
def test_a_signal_ends_a_script_in_plain_words(body, signals, status, message):
    assert run_work(body, *signals) == (status, message)


def test_an_interrupt_that_a_library_swallows_ends_the_script_all_the_same():
    status, errors = run_work(SWALLOW, signal.SIGINT, patience=1)
    assert (status, errors) == (130, "interrupted; run the same command again to continue\n")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Workspace:
    """A CNN that is ready to be trained for long, with loader workers."""
    workspace = Workspace(tmp_path_factory.mktemp("dataset"))
    config = tiny_config()
    config["experts"] = {"cnn": TINY_CNN | {"train": {"epochs": 1000, "batch_size": 32}}}
    config["policies"] = {"only": {"experts": ["cnn"]}}
    config["hardware"]["num_workers"] = 2
    del config["denoise"]
    workspace.write_config(config)
    workspace.run("00_draw_sample.py")
    workspace.run("01_prepare.py")
    return workspace


def test_ctrl_c_while_loader_workers_start_ends_all_in_plain_words(dataset):
    """As a terminal does, the signal goes to the script and to its workers."""
    log = dataset.folder / "log.txt"
    command = [sys.executable, str(REPOSITORY / "src" / "04_train_image.py"), "--config", str(dataset.config)]
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=dataset.folder, stderr=file, start_new_session=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not ("precision" in log.read_text() and children.read_text()):
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert log.read_text().endswith("interrupted; run the same command again to continue\n")
    assert "Traceback" not in log.read_text()


FULL = "the disk is full, or your quota of it: free some space"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "weights/x"), f"weights/x: {FULL}"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "weights/x"), f"weights/x: {FULL}"),
        (OSError("Error writing bytes to file. Detail: [errno 28] No space left on device"), FULL),  # pyarrow
        (SafetensorError('IoError(Os { code: 28, kind: StorageFull, message: "No space left on device" })'), FULL),
        (SafetensorError("I/O error: Permission denied (os error 13)"), "permission is denied"),
        (RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0"), FULL),  # torch.save
        (PermissionError(errno.EACCES, "Permission denied", "data/x.csv"), "data/x.csv: permission is denied"),
        (OSError(errno.EROFS, "Read-only file system", "weights"), "weights: the disk is read-only"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "weights/t"), "weights/t: a file is where"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "x"), "x: a folder is where a file should be"),
        (OSError(errno.EMFILE, "Too many open files", "x"), "x: too many files are open"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "there is too little memory"),
        (MemoryError(), "there is too little memory"),
        (RuntimeError("can't start new thread"), "no further thread can be started"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "too little memory"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), "a worker was killed: there is too"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error."), "shared memory (/dev/shm) is full"),
        (RuntimeError("unable to open shared memory object </x>: No space left on device (28)"), "shared memory"),
    ],
)
def test_what_the_machine_refuses_is_explained(tmp_path, error, message):
    assert message in explain(error, [tmp_path])


def test_other_errors_stay_what_they_are(tmp_path):
    for error in (ValueError("x"), KeyError("x"), FileNotFoundError(errno.ENOENT, "None", "x"), InputError("x")):
        assert explain(error, [tmp_path]) is None
    expected = ValueError("a mistake after a folder was found in the way")
    expected.__context__ = FileExistsError(errno.EEXIST, "File exists", "x")
    assert explain(expected, [tmp_path]) is None


def test_a_full_disk_below_another_error_and_one_that_no_error_names_are_found(tmp_path, monkeypatch):
    above = ValueError("cannot save")
    above.__cause__ = OSError(errno.ENOSPC, "No space left on device", "x")
    assert explain(above, []) == f"x: {FULL}"
    monkeypatch.setattr("latefusion.steps.failures.DISK_FULL", 2**62)
    assert explain(ValueError("odd"), [tmp_path / "not" / "there"]) == f"{tmp_path / 'not' / 'there'}: {FULL}"


def test_real_refusals_of_libraries_are_explained(tmp_path):
    def refusal(function, *arguments) -> str:
        with pytest.raises((OSError, RuntimeError)) as caught:
            function(*arguments)
        return explain(caught.value, [])

    (tmp_path / "file").write_text("")
    assert "a file is where a folder should be" in refusal((tmp_path / "file" / "x").mkdir)
    (tmp_path / "full").symlink_to("/dev/full")
    assert FULL in refusal((tmp_path / "full").write_text, "x" * 100_000)
    assert FULL in refusal(torch.save, torch.zeros(9000), tmp_path / "full")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        message = refusal(open, tmp_path / "file")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "too many files are open" in message


def test_weights_that_is_a_file_ends_a_script_in_plain_words(workspace, capsys):
    workspace.write_config(tiny_config())
    (workspace.folder / "weights").write_text("")
    with pytest.raises(SystemExit, match="2"):
        workspace.run("01_prepare.py")
    assert "a file is where a folder should be" in capsys.readouterr().err

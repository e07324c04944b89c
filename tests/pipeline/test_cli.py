"""How a script ends: by a message, whatever the machine, the environment or the user does to it."""

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from helpers.configs import TINY_CNN, tiny_config
from helpers.workspace import REPOSITORY, Workspace


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


def test_a_script_says_that_it_loads_libraries_unless_it_only_answers(workspace, caplog):
    workspace.write_config(tiny_config() | {"sample": None})
    caplog.set_level(logging.INFO)
    for quiet in ("--list", "--summary"):
        with suppress(SystemExit):
            workspace.run("00_draw_sample.py", quiet)
    assert "loading libraries" not in caplog.text
    workspace.run("00_draw_sample.py")
    assert caplog.messages[0] == "src/00_draw_sample.py: loading libraries"


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
    loading, _, errors = process.communicate(timeout=20)[1].partition("\n")
    assert loading.endswith("loading libraries")
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


def test_weights_that_is_a_file_ends_a_script_in_plain_words(workspace, capsys):
    workspace.write_config(tiny_config())
    workspace.run("00_draw_sample.py")
    (workspace.folder / "weights").write_text("")
    with pytest.raises(SystemExit, match="2"):
        workspace.run("01_prepare.py")
    assert "a file is where a folder should be" in capsys.readouterr().err

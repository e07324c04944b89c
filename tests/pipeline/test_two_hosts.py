"""Two hosts train one expert: each has a launcher of its own, as torchrun is started on each host of a cluster."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from helpers.configs import TINY_TRANSFORMER, tiny_config
from helpers.launch import free_port, launch, launch_hosts, launch_two
from helpers.workspace import Workspace

SCRIPT = "02_train_text.py"
AGAIN = "Start the same command on every host again: it continues from the newest checkpoint"
KILLED = r"error: rank {} \(process \d+ on .*\) is lost: it was killed, or its host does not answer any more"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Workspace:
    """The tiny experiment with a text expert alone, ready to train; tests must not change it."""
    workspace = Workspace(tmp_path_factory.mktemp("prepared"))
    training = TINY_TRANSFORMER["train"] | {"epochs": 6, "batch_size": 8}
    config = tiny_config() | {
        "experts": {"text": TINY_TRANSFORMER | {"train": training}},
        "policies": {"only": {"experts": ["text"]}},
        "hardware": {"num_workers": 0, "mixed_precision": "no", "checkpoint_every": 5, "lost_after": 5},
    }
    del config["denoise"]
    workspace.write_config(config)
    for script in ("00_draw_sample.py", "01_prepare.py"):
        workspace.run(script)
    return workspace


@pytest.fixture(scope="module")
def undisturbed(prepared, tmp_path_factory) -> Workspace:
    """The same, trained by two processes of one host."""
    copy = prepared.copy(tmp_path_factory.mktemp("undisturbed") / "copy")
    launch_two(copy, SCRIPT)
    return copy


@pytest.fixture
def shared(prepared, tmp_path) -> Workspace:
    """A copy that both hosts see."""
    return prepared.copy(tmp_path / "shared")


def results(workspace: Workspace) -> dict[str, bytes]:
    folder = workspace.run_root / "experts/text"
    return {name: (folder / name).read_bytes() for name in ("model.safetensors", "valid_probs.parquet")}


def steps(workspace: Workspace) -> list[str]:
    return sorted(path.name for path in workspace.run_root.glob("experts/text/checkpoints/step-*[0-9]"))


def wait_for_checkpoint(workspace: Workspace) -> None:
    deadline = time.monotonic() + 120
    while not steps(workspace) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert steps(workspace)
    assert not (workspace.run_root / "experts/text/model.safetensors").exists()


def ended(process: subprocess.Popen, within: float) -> str:
    """Return the output of a host's launcher, which must end with an error soon."""
    output, _ = process.communicate(timeout=within)
    assert process.returncode not in (0, None), output
    return output


def workers(process: subprocess.Popen) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_host_is_killed_the_other_says_so_and_both_continue(undisturbed, shared, lost):
    hosts = launch_hosts([shared, shared], SCRIPT)
    wait_for_checkpoint(shared)
    os.killpg(hosts[lost].pid, signal.SIGKILL)  # its launcher and its worker, as if the host had lost its power
    hosts[lost].communicate()
    output = ended(hosts[1 - lost], within=60)
    assert re.search(KILLED.format(lost), output), output
    assert AGAIN in output
    assert "Traceback" not in output.partition("error: rank")[0]
    done = steps(shared)
    for host in launch_hosts([shared, shared], SCRIPT):
        output, _ = host.communicate(timeout=120)
        assert host.returncode == 0, output
        if "2 processes" in output:  # of rank 0, whose log it is
            assert "text: continues after epoch" in output
    assert done[-1] >= "step-00000005"
    assert results(shared) == results(undisturbed)
    assert not list(shared.run_root.glob(".shared-*"))

"""Two hosts train one expert: each has a launcher of its own, as torchrun is started on each host of a cluster.

Where a launcher makes no difference the processes are forks, with a launcher's variables.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from faults.processes import Script, Server
from helpers.configs import TINY_TRANSFORMER, tiny_config
from helpers.launch import fork_hosts, fork_two, launch_hosts
from helpers.workspace import REPOSITORY, Workspace

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
def undisturbed(server, prepared, tmp_path_factory) -> Workspace:
    """The same, trained by two processes of one host."""
    copy = prepared.copy(tmp_path_factory.mktemp("undisturbed") / "copy")
    fork_two(server, copy, SCRIPT)
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


def ended(host: Script, within: float) -> str:
    """Return the output of a host, which must end with an error soon."""
    assert host.wait(patience=within) not in (0, None), host.output
    return host.output


def finished(server: Server, workspace: Workspace, *, launched: bool) -> list[str]:
    """Let two hosts, with launchers or without, train to the end; return their outputs."""
    both = [workspace, workspace]
    if launched:
        hosts = launch_hosts(both, SCRIPT)
        outputs = [host.communicate(timeout=120)[0] for host in hosts]
        statuses = [host.returncode for host in hosts]
    else:
        forks = fork_hosts(server, both, SCRIPT)
        statuses = [host.wait() for host in forks]
        outputs = [host.output for host in forks]
    assert statuses == [0, 0], outputs
    return outputs


def workers(process: subprocess.Popen) -> list[int]:
    """Return the processes that a host's launcher has started; they are in sessions of their own."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_host_is_killed_the_other_says_so_and_both_continue(server, undisturbed, shared, lost):
    hosts = launch_hosts([shared, shared], SCRIPT)
    wait_for_checkpoint(shared)
    for pid in (hosts[lost].pid, *workers(hosts[lost])):  # as if the host had lost its power
        os.kill(pid, signal.SIGKILL)
    hosts[lost].communicate()
    output, _ = hosts[1 - lost].communicate(timeout=60)
    assert hosts[1 - lost].returncode not in (0, None), output
    assert re.search(KILLED.format(lost), output), output
    assert AGAIN in output
    assert "Traceback" not in output.partition("error: rank")[0]
    done = steps(shared)
    for output in finished(server, shared, launched=lost == 0):
        if "2 processes" in output:  # of rank 0, whose log it is
            assert "text: continues after epoch" in output
    assert done[-1] >= "step-00000005"
    assert results(shared) == results(undisturbed)
    assert not list(shared.run_root.glob(".shared-*"))


def test_a_host_that_does_not_answer_ends_the_other(server, shared):
    """As when its network is cut: no connection is closed, so nothing but the heartbeats tells."""
    hosts = fork_hosts(server, [shared, shared], SCRIPT)
    wait_for_checkpoint(shared)
    os.kill(hosts[1].pid, signal.SIGSTOP)
    try:
        output = ended(hosts[0], within=60)
    finally:
        os.kill(hosts[1].pid, signal.SIGKILL)
        hosts[1].wait()
    assert re.search(r"error: rank 1 \(process \d+ on .*\) does not answer, for 5 seconds", output), output
    assert AGAIN in output


def test_hosts_without_a_shared_folder_are_refused(server, prepared, tmp_path):
    hosts = [prepared.copy(tmp_path / str(host)) for host in range(2)]
    for process in fork_hosts(server, hosts, SCRIPT):
        output = ended(process, within=60)
        assert re.search(r"error: rank 1 \(process \d+ on .*\) does not see the run folder of rank 0", output), output
        assert "all hosts must share weights/" in output
    assert all(not (host.run_root / "experts").exists() for host in hosts)


def test_an_error_of_one_host_ends_the_other_with_its_words(server, shared, tmp_path):
    """Host 1 lacks the catalogue's images, which may be copies: it ends before it joins the training."""
    other = Workspace(tmp_path / "other")
    other.folder.mkdir()
    shutil.copyfile(shared.config, other.config)
    (other.folder / "weights").symlink_to(shared.folder / "weights")  # shared, but no data/
    hosts = fork_hosts(server, [shared, other], SCRIPT)
    outputs = [ended(process, within=90) for process in hosts]
    own = re.search(r"^error: (.*)", outputs[1], re.MULTILINE)
    assert own, outputs[1]
    assert re.search(r"error: rank 1 \(process \d+ on .*\) has ended: ", outputs[0]), outputs[0]
    assert own[1].splitlines()[0][:100] in outputs[0]


def test_a_process_ends_even_if_nobody_reads_its_output():
    code = "import threading, time; from latefusion.steps.peers import _end\n"
    code += "time.sleep(0.5); threading.Thread(target=_end, args=['lost']).start(); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, cwd=REPOSITORY / "src")
    process.stderr.close()
    assert process.wait(timeout=30) == 2

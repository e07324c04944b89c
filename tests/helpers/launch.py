"""Numbered scripts in processes of their own."""

import socket
import subprocess
import sys
from collections.abc import Sequence

from faults.processes import Script, Server, start

from helpers.workspace import REPOSITORY, Workspace


def fork(server: Server, workspace: Workspace, script: str, *arguments: str, **options) -> Script:
    """Start a script in a fork of a process that has imported what scripts import; `options` as for `start`."""
    argv = [str(REPOSITORY / "src" / script), "--config", str(workspace.config), *arguments]
    return start(server, workspace.folder, [argv], **options)


def fork_two(server: Server, workspace: Workspace, script: str, *arguments: str) -> None:
    """Run a script in two processes of one training run, with the variables that a launcher sets.

    A launcher's three processes would import for seconds.
    """
    both = _fork_ranks(server, [workspace, workspace], script, arguments, n_hosts=1)
    assert [process.wait() for process in both] == [0, 0], [process.output for process in both]
    assert "2 processes" in both[0].output


def fork_hosts(server: Server, workspaces: Sequence[Workspace], script: str) -> list[Script]:
    """Start a script as two hosts do that train together, but without their launchers."""
    return _fork_ranks(server, workspaces, script, n_hosts=2)


def _fork_ranks(
    server: Server, workspaces: Sequence[Workspace], script: str, arguments: Sequence[str] = (), *, n_hosts: int
) -> list[Script]:
    """Start two processes of one training run, one in each workspace, with a launcher's variables."""
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port(), "WORLD_SIZE": "2"}
    started = []
    for rank, workspace in enumerate(workspaces):
        local = {"RANK": str(rank), "LOCAL_RANK": str(rank % (2 // n_hosts)), "LOCAL_WORLD_SIZE": str(2 // n_hosts)}
        started.append(fork(server, workspace, script, *arguments, env=shared | local))
    return started


def launch_hosts(workspaces: Sequence[Workspace], script: str) -> list[subprocess.Popen]:
    """Start a script as hosts do that train together: one launcher in each workspace, which may be the same."""
    port = free_port()
    launchers = [
        [
            sys.executable, "-m", "torch.distributed.run", "--nnodes", str(len(workspaces)), "--node_rank", str(rank),
            "--nproc_per_node", "1", "--master_addr", "127.0.0.1", "--master_port", port,
        ]
        for rank in range(len(workspaces))
    ]  # fmt: skip
    return [
        subprocess.Popen(
            [*launcher, str(REPOSITORY / "src" / script), "--config", str(workspace.config)],
            cwd=workspace.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )
        for workspace, launcher in zip(workspaces, launchers, strict=True)
    ]  # fmt: skip


def free_port() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return str(server.getsockname()[1])

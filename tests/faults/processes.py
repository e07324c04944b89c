"""Start the numbered scripts as processes that can be killed, starved and raced, many a minute."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src"
PATIENCE = 240  # seconds


class Server:
    """A process that has imported what scripts import, and forks one for each."""

    def __init__(self):
        environment = os.environ | {"PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, str(Path(__file__).with_name("fork_server.py"))]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert json.loads(self.process.stdout.readline()) == {"ready": True}

    def ask(self, **request) -> dict:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@dataclass
class Script:
    """One or more scripts that run one after another, in a process of their own."""

    server: Server
    pid: int
    out: Path
    status: int | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def output(self) -> str:
        return self.out.read_text(errors="replace") if self.out.exists() else ""

    def has_ended(self) -> bool:
        if self.status is None:
            self.status = self.server.ask(pid=self.pid)["ended"]
        return self.status is not None

    def wait(self, patience: float = PATIENCE) -> int:
        """Return the exit status, negative for a signal. A script that outlasts the patience hangs, and is killed."""
        pause = 0.002
        while not self.has_ended():
            time.sleep(pause)
            pause = min(0.05, pause * 1.5)
            if time.monotonic() - self.started > patience:
                os.killpg(self.pid, 9)
                raise AssertionError(f"hangs, after saying\n{self.output}")
        return self.status


def start(server: Server, folder: Path, argv: list[list[str]], **options) -> Script:
    """Start scripts in a folder; `options` are those of the server.

    They are `env` (None removes a variable), `limits` (RLIMIT_...), `memory` (bytes of address space beyond what it
    begins with), `umask`, and the file `stdout`.
    """
    out = folder / f"output-{time.monotonic_ns()}.txt"
    request = {"argv": argv, "folder": str(folder), "env": {}, "limits": {}, "out": str(out)} | options
    return Script(server, server.ask(**request)["pid"], out)

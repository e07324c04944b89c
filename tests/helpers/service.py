"""The HTTP service in a process of its own."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from functools import cached_property
from pathlib import Path

from helpers.workspace import REPOSITORY

PATIENCE = 120  # seconds until the model is loaded, on a busy machine


class ServerProcess:
    """A server on a free port of this machine. A context manager, at whose end the process is gone."""

    def __init__(self, model: Path, log: Path, *options: str):
        """Start it; its messages go to the file `log`."""
        command = [sys.executable, str(REPOSITORY / "src/15_serve.py"), "--model", str(model), "--port", "0", *options]
        self.log = log
        with log.open("w") as file:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True)

    def __enter__(self) -> "ServerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    @cached_property
    def url(self) -> str:
        """The address; waits until the process listens."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def wait_until_ready(self) -> None:
        """Wait until the model is loaded."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/ready", timeout=5).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
            else:
                return
        raise AssertionError(f"the service did not get ready: {self.log.read_text()}")

    def stop(self, seconds: float = 60) -> int:
        """Ask the process to end, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def memory(self) -> float:
        """Return the resident memory in MiB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def cpu_seconds(self) -> float:
        """Return the time that all its threads have computed."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

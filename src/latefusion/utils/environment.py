"""The environment of a run: device, precision, threads, package versions, commit.

Scores change by whole points with device, precision and threads, so each job records its environment. This module is
light to import: it does not import torch, and reads torch's settings only if torch is already loaded.
"""

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accelerate import Accelerator

PACKAGES = ("torch", "timm", "transformers", "accelerate", "numpy", "scikit-learn")
PRECISIONS = {"no": "fp32"}  # accelerate calls it "no"


def run_environment(accelerator: "Accelerator | None" = None) -> dict:
    """Return the environment of this process as a dict that JSON can hold.

    Keys: `device`, `processes`, `precision`, `cpu_threads`, `versions` (by package), `python`, `code`. Without an
    accelerator: one process on the CPU in fp32. Values that cannot be determined are "unknown"; nothing is raised.
    """
    precision = "no" if accelerator is None else str(accelerator.mixed_precision)
    return {
        "device": _device_name(accelerator),
        "processes": 1 if accelerator is None else accelerator.num_processes,
        "precision": PRECISIONS.get(precision, precision),
        "cpu_threads": _cpu_threads(),
        "versions": {package: _version(package) for package in PACKAGES},
        "python": platform.python_version(),
        "code": code_version(),
    }


def _device_name(accelerator: "Accelerator | None") -> str:
    if accelerator is not None and accelerator.device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(accelerator.device)
    if accelerator is not None and accelerator.device.type != "cpu":
        return accelerator.device.type
    return _cpu_name()


@cache
def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, [*names, platform.processor(), platform.machine()]), "unknown")


def _cpu_threads() -> int:
    """Return the number of threads that torch uses, or would use if it were loaded."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return torch.get_num_threads()
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() else os.cpu_count() or 1


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


@cache
def code_version(folder: Path = Path(__file__).parents[1]) -> str:
    """Return the git commit of the code in `folder`, or the package's version if git does not track it.

    "+changes" is appended to the commit if there are uncommitted changes.
    """
    commit = _git(folder, "log", "-1", "--format=%H")
    if not commit or not _git(folder, "ls-files", "."):  # installed inside another repository, which does not track it
        return _version("latefusion")
    return commit[:12] + ("+changes" if _git(folder, "status", "--porcelain", "--", ".") else "")


def _git(folder: Path, *arguments: str) -> str:
    """Return git's output, or an empty string if git fails."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "--no-optional-locks", *arguments],
            capture_output=True, text=True, errors="replace", timeout=20, check=False, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""

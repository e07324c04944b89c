"""The record of a job, `job.json` in its run folder: fingerprint, inputs, and size and hash of each result file.

`jobs` writes it. Code that reads a job's files gets their paths from `verified`, which raises an error for a file that
was truncated, changed or removed since the job ended. This module is light to import.
"""

import hashlib
import json
import logging
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path

from latefusion.utils.errors import InputError
from latefusion.utils.files import read_json, remove

logger = logging.getLogger(__name__)
NAME = "job.json"
KEYS = {"fingerprint": str, "script": str, "inputs": dict, "run": str | None, "files": dict}
TEMPORARY = ("checkpoints", "folds", "best-*.safetensors")  # only needed to continue an interrupted run
NOT_RESULTS = (
    "log.jsonl",
    "tensorboard",
    "wandb",
    "mlflow_run.txt",
)  # they hold times and speeds, which differ in every run


def read_record(run_dir: Path) -> dict:
    """Return the record of a run folder; empty if there is none or it cannot be read."""
    path = run_dir / NAME
    try:
        record = read_json(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:  # a power cut may leave a file of zeros
        logger.warning("%s cannot be read (%s): the job counts as not done", path, error)
        return {}
    if not isinstance(record, dict) or any(not isinstance(record.get(key), kind) for key, kind in KEYS.items()):
        logger.warning("%s is not the record of a job: the job counts as not done", path)
        return {}
    return record


def attempt_of(folder: Path) -> str | None:
    """Return the token of the job whose run folder is `folder` or one of the two folders above it; None without a job.

    A job gets a new token (`attempt` in its record) when it begins, and keeps it when it continues after an interrupt.
    """
    records = (read_record(parent) for parent in (folder, *folder.parents[:2]) if (parent / NAME).exists())
    return next((record.get("attempt") for record in records), None)


def describe_file(path: Path) -> dict:
    """Return a file's size and the BLAKE2b hash of its content."""
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "blake2b": hashlib.file_digest(file, "blake2b").hexdigest()[:32]}


def describe_results(run_dir: Path) -> dict[str, dict]:
    """Return size and hash of each result file of a job, by its path in the run folder."""
    paths = sorted(path for path in run_dir.rglob("*") if path.is_file())
    names = {path.relative_to(run_dir).as_posix(): path for path in paths}
    excluded = (NAME, *NOT_RESULTS, *TEMPORARY)
    return {
        name: describe_file(path)
        for name, path in names.items()
        if not any(fnmatch(Path(name).parts[0], pattern) for pattern in excluded)
    }


def remove_temporary(run_dir: Path) -> None:
    """Remove the files that are only needed to continue an interrupted run."""
    for path in [path for pattern in TEMPORARY for path in run_dir.glob(pattern)]:
        remove(path)


def digest(content: object) -> str:
    """Return a hash of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def missing_or_truncated(run_dir: Path, files: dict[str, dict]) -> str | None:
    """Return which of a job's recorded files is missing or has another size, as a text, or None."""
    for name, recorded in files.items():
        path = run_dir / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != recorded["bytes"]:
            return f"{name} has {path.stat().st_size:,} of {recorded['bytes']:,} bytes"
    return None


def results_digest(run_dir: Path) -> str | None:
    """Return the digest of a finished job's result files (`run` in its record); None if it is not finished."""
    return read_record(run_dir).get("run")


def verified(run_dir: Path, name: str) -> Path:
    """Return the path of a result file of a job, after comparing the file with the job's record.

    Raises InputError, with the commands that make it again, if it is missing or has changed since it was written.
    """
    path, record = run_dir / name, read_record(run_dir)
    if not record.get("run"):
        return path  # the job is still running: nothing is recorded yet
    recorded = record["files"].get(name)
    if recorded is None:
        raise InputError(f"{run_dir}: {name} is not one of its files. Make it again:\n{how_to_make(run_dir)}")
    problem = missing_or_truncated(run_dir, {name: recorded})
    if problem is None and hash_of(path) != recorded["blake2b"]:
        problem = f"{name} has changed since it was written"
    if problem is not None:
        raise InputError(f"{run_dir} is damaged: {problem}. Make it again:\n{how_to_make(run_dir)}")
    return path


def how_to_make(run_dir: Path) -> str:
    """Return the shell commands, one per line, that repeat a job."""
    record = read_record(run_dir)
    script, name = record.get("script"), record.get("name", run_dir.name)
    again = f"\n  python src/{script} --config CONFIG --only {name}" if script else ""
    return f"  rm -r {run_dir}{again}"


def hash_of(path: Path) -> str:
    """Return a file's hash, computed once in a process unless the file's size or time changes."""
    stat = path.stat()
    return _hash_of(path.absolute(), stat.st_ino, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4096)
def _hash_of(path: Path, *state: int) -> str:
    return describe_file(path)["blake2b"]

"""Atomic writes: a file is written under a temporary name, flushed to the disk, then renamed.

The flush comes before the rename: otherwise a power cut may leave the new name with an empty file. The package
atomicwrites (last release 2022) does this for single files; here folders are written in the same way.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; at the end rename it to `path`, on any error remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(path)
    remove(partial)  # a killed process may have left one
    try:
        yield partial
        flush(partial)
        os.replace(partial, path)
        _flush(path.parent)
    finally:
        remove(partial)


def flush(path: Path) -> None:
    """Flush a file, or a folder with all its files, to the disk."""
    if path.is_dir():
        for item in path.iterdir():
            flush(item)
    _flush(path)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems cannot flush folders
            raise
    finally:
        os.close(descriptor)


def partial_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


def remove(path: Path) -> None:
    """Remove a file or a folder, if it exists; a folder is renamed first, so that `path` is never half removed."""
    if path.is_dir() and not path.is_symlink():
        doomed = path.with_name(f"{path.name}.removed")
        shutil.rmtree(doomed, ignore_errors=True)  # a killed process may have left one
        os.replace(path, doomed)
        shutil.rmtree(doomed)
    else:
        path.unlink(missing_ok=True)


def usual_mode(new: Path) -> int:
    """Create an empty file, to be overwritten or removed, and return the mode that the umask gives to new files.

    Some libraries, such as safetensors, write files that only the owner can read.
    """
    new.touch()
    return new.stat().st_mode


def write_text(path: Path, text: str) -> None:
    """Write a text file, atomically; a file that already holds this text is not rewritten."""
    if path.is_file() and path.read_bytes() == text.encode():
        return
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, content: object) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def write_yaml(path: Path, content: dict) -> None:
    write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))

"""Files are written whole or not at all: beside their place first, flushed to the disk, then renamed into it.

Flushing comes first because a power cut may otherwise leave the new name with nothing behind it.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; rename it into place at the end, remove it on any error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(path)
    remove(partial)  # left by a killed process
    try:
        yield partial
        flush(partial)
        os.replace(partial, path)
        _flush(path.parent)
    finally:
        remove(partial)


def flush(path: Path) -> None:
    """Wait until a file, or a folder with all its files, is on the disk."""
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
    """Remove a file or a folder, if it is there; a folder is renamed first, so that it is never half there."""
    if path.is_dir() and not path.is_symlink():
        doomed = path.with_name(f"{path.name}.removed")
        shutil.rmtree(doomed, ignore_errors=True)  # left by a killed process
        os.replace(path, doomed)
        shutil.rmtree(doomed)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file; one that holds the text already is left alone."""
    if path.is_file() and path.read_bytes() == text.encode():
        return
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, content: object) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def write_yaml(path: Path, content: dict) -> None:
    write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))

"""Image files on the disk: find them, record their states, and find those that have changed since.

The state of a file is a row: `bytes` (-1: no such file), `mtime_ns`, and `blake2b`, the hash of its content (empty: not
read). Paths are relative to the catalogue's root.
"""

import hashlib
import os
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from latefusion.utils.errors import list_problems
from latefusion.utils.nearest import plural

MAX_BYTES = 400_000_000  # an image of MAX_PIXELS, uncompressed, in four channels


class FileState(NamedTuple):
    """The state of a file when it was read."""

    bytes: int = -1
    mtime_ns: int = -1
    blake2b: str = ""


ABSENT = FileState()


def is_file(path: Path) -> bool:
    """Return whether there is such a file; also for names that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def find_nested_images(root: Path, images: pd.Series) -> pd.Series:
    """Return the paths of images, relative to `root`, corrected for files that are one folder deeper.

    The challenge's archives unpack to `image_test/image_test_task1_phase1/` or directly to `image_test/`.
    """
    moved: dict[str, str] = {}
    for folder, paths in _by_folder(images).items():
        entries = _list(root / folder)
        if missing := [path for path in paths if os.path.basename(path) not in entries]:
            inner = _list_inner(root / folder, entries)
            moved |= {path: f"{folder}/{inner[name]}" for path in missing if (name := os.path.basename(path)) in inner}
    return images.map(lambda path: moved.get(path, path), na_action="ignore").astype("str")


def stat_files(root: Path, paths: Iterable[str]) -> dict[str, os.stat_result]:
    """Return the `stat` (size, times) of those paths that are regular files; each folder is listed only once."""
    found = {}
    for folder, in_folder in _by_folder(paths).items():
        entries = _list(root / folder)
        for path in in_folder:
            entry = entries.get(os.path.basename(path))
            try:  # not listed: on a case-insensitive file system the file may still exist, with another case
                state = os.stat(root / path) if entry is None else entry.stat()
            except (OSError, ValueError):
                continue
            if stat.S_ISREG(state.st_mode):
                found[path] = state
    return found


def hash_bytes(content: bytes) -> str:
    """Return the hash of a file's content: 32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def states_table(states: dict[str, FileState]) -> pd.DataFrame:
    """Return states as a table (index: path)."""
    rows = list(states.values())
    index = pd.Index(list(states), name="path", dtype="str")
    table = pd.DataFrame(rows, index=index, columns=FileState._fields)
    return table.astype({"bytes": "int64", "mtime_ns": "int64", "blake2b": "str"})


def changed_images(root: Path, images: pd.Series | pd.Index, recorded: pd.DataFrame) -> list[str]:
    """Return the paths of files that differ from `recorded` (a table of states): removed, added or changed.

    `images` holds all paths that products name now. A file of the same size and time counts as unchanged; if only the
    time differs, the content is compared.
    """
    named = dict.fromkeys([*recorded.index, *images.dropna()])
    now = stat_files(root, named)
    before = {row.Index: FileState(*row[1:]) for row in recorded.itertuples()}
    doubtful, changed = [], set()
    for path in named:
        was = before.get(path, ABSENT)
        size, time = (now[path].st_size, now[path].st_mtime_ns) if path in now else ABSENT[:2]
        if size != was.bytes or path not in before:
            changed.add(path)
        elif size >= 0 and (time != was.mtime_ns or not was.blake2b):
            doubtful.append(path)
    with ThreadPoolExecutor() as pool:
        contents = pool.map(lambda path: _digest_of(root / path), doubtful)
        changed |= {path for path, found in zip(doubtful, contents, strict=True) if found != before[path].blake2b}
    return [path for path in named if path in changed]


def refuse_absent_images(root: Path, products: pd.DataFrame, otherwise: str) -> None:
    """Raise InputError if the products of a split name images but none of the files exists: the folder is wrong.

    `otherwise` is appended to the message: how to run without images.
    """
    problems = []
    for split, images in products["image"].dropna().groupby(products["split"].fillna("labelled")):
        paths = images.unique()
        if not any((root / path).is_file() for path in paths):
            folders = [folder for folder in _by_folder(paths) if "://" not in folder]
            searched = "; ".join(_describe(root / folder) for folder in folders[:3]) or "none could be fetched"
            name = plural(len(images), "product names", "products name")
            problems.append(f"{split}: {name} an image, the first is {paths[0]}; {searched}")
    if problems:
        advice = f"Put the images there, or correct catalogue.root ({root}). {otherwise}"
        raise list_problems("None of the images of these products exists:", problems, advice)


def _by_folder(paths: Iterable[str]) -> dict[str, list[str]]:
    """Return the distinct paths by folder, in the order in which they are given."""
    groups: dict[str, list[str]] = {}
    for path in dict.fromkeys(path for path in paths if not pd.isna(path)):
        groups.setdefault(os.path.dirname(path), []).append(path)
    return groups


def _list(folder: Path) -> dict[str, os.DirEntry]:
    """Return the entries of a folder by name; empty if there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry for entry in entries}
    except (OSError, ValueError):
        return {}


def _list_inner(folder: Path, entries: dict[str, os.DirEntry]) -> dict[str, str]:
    """Return `subfolder/name` by name for all entries of a folder's subfolders; of duplicate names the first."""
    inner: dict[str, str] = {}
    for name in sorted(entries):
        if entries[name].is_dir():
            inner = {file: f"{name}/{file}" for file in _list(folder / name)} | inner
    return inner


def _digest_of(path: Path) -> str:
    """Return the hash of a file's content; empty if it cannot be read or is larger than MAX_BYTES."""
    try:
        return hash_bytes(path.read_bytes()) if path.stat().st_size <= MAX_BYTES else ""
    except OSError:
        return ""


def _describe(folder: Path) -> str:
    """Return a clause for an error message: what a folder holds."""
    if not folder.is_dir():
        return f"the folder {folder} does not exist"
    held = sorted(_list(folder))
    more = f" and {len(held) - 5} more" if len(held) > 5 else ""
    return f"{folder} holds {', '.join(held[:5]) or 'nothing'}{more}"

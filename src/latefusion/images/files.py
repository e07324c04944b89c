"""Image files as they lie on the disk: where they are, in what state they were seen, and which have changed since.

A state is a row: `bytes` (-1: there is no such file), `mtime_ns`, and `blake2b`, the hash of its content (empty: it was
not read). Paths are relative to the catalogue's root.
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

MAX_BYTES = 400_000_000  # an image of MAX_PIXELS, uncompressed, in four channels


class FileState(NamedTuple):
    """What a file was when it was looked at."""

    bytes: int = -1
    mtime_ns: int = -1
    blake2b: str = ""


ABSENT = FileState()


def find_nested_images(root: Path, images: pd.Series) -> pd.Series:
    """Return the paths of images below `root`, corrected where they lie one folder deeper.

    The challenge's archives unpack to `image_test/image_test_task1_phase1/` or straight to `image_test/`.
    """
    moved = {}
    for folder, paths in _by_folder(images).items():
        there = _list(root / folder)
        if missing := [path for path in paths if os.path.basename(path) not in there]:
            inner = _list_inner(root / folder, there)
            moved |= {path: f"{folder}/{inner[name]}" for path in missing if (name := os.path.basename(path)) in inner}
    return images.map(lambda path: moved.get(path, path), na_action="ignore").astype("str")


def stat_files(root: Path, paths: Iterable[str]) -> dict[str, os.stat_result]:
    """Return size and times of those paths that are regular files; each folder is listed once."""
    found = {}
    for folder, in_folder in _by_folder(paths).items():
        there = _list(root / folder)
        for path in in_folder:
            entry = there.get(os.path.basename(path))
            try:  # a name may be there in other letters, where the file system does not tell them apart
                state = os.stat(root / path) if entry is None else entry.stat()
            except (OSError, ValueError):
                continue
            if stat.S_ISREG(state.st_mode):
                found[path] = state
    return found


def hash_bytes(content: bytes) -> str:
    """Return the hash by which a file's content is known: 32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def states_table(states: dict[str, FileState]) -> pd.DataFrame:
    """Return states as a table (index: path)."""
    rows = list(states.values())
    index = pd.Index(list(states), name="path", dtype="str")
    table = pd.DataFrame(rows, index=index, columns=FileState._fields)
    return table.astype({"bytes": "int64", "mtime_ns": "int64", "blake2b": "str"})


def changed_images(root: Path, images: pd.Series | pd.Index, recorded: pd.DataFrame) -> list[str]:
    """Return the paths whose file is not what `recorded` (a table of states) says: gone, new, or another.

    `images` holds all paths that products name now. A file of the same size and time is taken to be the same; where the
    size is the same and the time is not, the content decides.
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
    """Raise where products of a split name images and none of the files exists: that is a wrong folder.

    `otherwise` ends the message: what to do without images.
    """
    problems = []
    for split, images in products["image"].dropna().groupby(products["split"].fillna("labelled")):
        paths = images.unique()
        if not any((root / path).is_file() for path in paths):
            searched = "; ".join(_describe(root / folder) for folder in list(_by_folder(paths))[:3])
            problems.append(f"{split}: {len(images)} products name an image, the first is {paths[0]}; {searched}")
    if problems:
        advice = f"Put the images there, or correct catalogue.root ({root}). {otherwise}"
        raise list_problems("Not one image of these products is there:", problems, advice)


def _by_folder(paths: Iterable[str]) -> dict[str, list[str]]:
    """Group distinct paths by their folder, in the order in which they come."""
    groups: dict[str, list[str]] = {}
    for path in dict.fromkeys(path for path in paths if not pd.isna(path)):
        groups.setdefault(os.path.dirname(path), []).append(path)
    return groups


def _list(folder: Path) -> dict[str, os.DirEntry]:
    """Return what a folder holds by name, nothing where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry for entry in entries}
    except (OSError, ValueError):
        return {}


def _list_inner(folder: Path, entries: dict[str, os.DirEntry]) -> dict[str, str]:
    """Return `inner/name` by name for what lies in the folders of a folder; of two by one name the first."""
    inner: dict[str, str] = {}
    for name in sorted(entries):
        if entries[name].is_dir():
            inner = {file: f"{name}/{file}" for file in _list(folder / name)} | inner
    return inner


def _digest_of(path: Path) -> str:
    """Return the hash of a file's content, empty where it cannot be read or would not be."""
    try:
        return hash_bytes(path.read_bytes()) if path.stat().st_size <= MAX_BYTES else ""
    except OSError:
        return ""


def _describe(folder: Path) -> str:
    """Say what was found where images were looked for."""
    if not folder.is_dir():
        return f"there is no folder {folder}"
    held = sorted(_list(folder))
    more = f" and {len(held) - 5} more" if len(held) > 5 else ""
    return f"{folder} holds {', '.join(held[:5]) or 'nothing'}{more}"

"""The record of a sample catalogue, `sample.json`: it lists the sample's files, so that no others are ever removed.

It holds the parameters of the sample, whether the drawing is complete, and a fingerprint of every file: the hash of a
table, the size of an image, null while it is not known. It is written before the first file and after the last one, so
after an interruption it lists all files that may be there.
"""

import fcntl
import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from latefusion.utils.errors import InputError, list_problems
from latefusion.utils.files import read_json, write_json

logger = logging.getLogger(__name__)
FIRST_LINE = "SYNTHETIC SAMPLE CATALOGUE, drawn by latefusion"  # of README.txt
OWN_FILES = ("sample.json", "README.txt")
FILE_MANAGER_FILES = (".DS_Store", "Thumbs.db", "desktop.ini")
TABLES = (".tsv", ".csv")


@dataclass(frozen=True)
class Record:
    """The parameters of a folder's sample, and its files: fingerprint by name relative to the folder."""

    parameters: dict
    files: dict[str, str | int | None]
    complete: bool = False

    def write(self, root: Path) -> None:
        write_json(root / "sample.json", self.parameters | {"complete": self.complete, "files": self.files})

    def unknown_files(self, root: Path) -> list[str]:
        """Return a line for each file that is not the sample's or has changed since it was drawn."""
        problems = []
        for name, path in sorted(_walk(root)):
            if name not in self.files:
                problems.append(f"{name}: not a file of the sample")
            elif path.is_symlink() or self.files[name] not in (None, _fingerprint(path)):
                problems.append(f"{name}: changed since it was drawn")
        return problems

    def is_intact(self, root: Path) -> bool:
        return self.complete and all((root / name).is_file() for name in self.files)

    def with_fingerprints(self, root: Path) -> "Record":
        """Return the record with the fingerprint of each file that exists."""
        fingerprints = {name: _fingerprint(root / name) if (root / name).is_file() else None for name in self.files}
        return replace(self, files=fingerprints)

    def remove_files(self, root: Path) -> None:
        """Remove the sample's files, and the folders that are empty afterwards."""
        replace(self, complete=False).write(root)
        for name in self.files:
            (root / name).unlink(missing_ok=True)
        for folder in sorted({parent for name in self.files for parent in Path(name).parents}, reverse=True):
            if folder != Path() and (root / folder).is_dir():
                for name in FILE_MANAGER_FILES:
                    (root / folder / name).unlink(missing_ok=True)
                if not any((root / folder).iterdir()):
                    (root / folder).rmdir()


def read_record(root: Path, parameters: dict, names: Callable[[], list[str]]) -> Record:
    """Return the record of the sample in a folder; `parameters` and file `names` are those of the sample to draw.

    Raises InputError if the record cannot be read or the folder holds other files.
    """
    if (root / "sample.json").is_file():
        record = _parse(root)
    else:
        record = Record(parameters, dict.fromkeys(names()) if _has_readme(root) else {})
    problems = record.unknown_files(root)
    if problems:
        raise list_problems(
            f"{root}: contains files that the sample catalogue did not write, so nothing was changed:",
            problems,
            f"move your own files away or set another catalogue.root; to draw the sample again, delete {root}",
        )
    return record


@contextmanager
def folder_lock(root: Path) -> Iterator[None]:
    """Hold a lock on a folder; wait while another process holds it. The lock is released when its process ends."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("%s: another process is drawing the sample, waiting for it", root)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:  # some shared file systems cannot lock folders
            logger.info("%s: cannot be locked (%s); do not draw it in two processes at once", root, error.strerror)
        yield
    finally:
        os.close(descriptor)


def _parse(root: Path) -> Record:
    try:
        parameters = read_json(root / "sample.json")
        files, complete = parameters.pop("files"), parameters.pop("complete")
        if any(Path(name).is_absolute() or ".." in Path(name).parts for name in files):
            raise ValueError("a file is outside the folder")
        return Record(parameters, dict(files), complete is True)
    except (ValueError, KeyError, AttributeError, TypeError):
        raise InputError(
            f"{root}/sample.json does not list the sample's files (an earlier version wrote no list), so they cannot "
            f"be distinguished from yours: delete {root} to draw the sample again, or set another catalogue.root"
        ) from None


def _has_readme(root: Path) -> bool:
    readme = root / "README.txt"
    return readme.is_file() and readme.read_text(encoding="utf-8", errors="replace").startswith(FIRST_LINE)


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file and link except `sample.json`, `README.txt`, and files written by file managers."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in (*files, *links):
            if here == root and _is_own(here / name):
                continue
            if name not in FILE_MANAGER_FILES:
                yield str((here / name).relative_to(root)), here / name


def _is_own(path: Path) -> bool:
    partial = path.name.endswith(".partial") and any(name in path.name for name in OWN_FILES)
    return partial or path.name == "sample.json" or (path.name == "README.txt" and _has_readme(path.parent))


def _fingerprint(path: Path) -> str | int:
    if path.suffix in TABLES:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return path.stat().st_size

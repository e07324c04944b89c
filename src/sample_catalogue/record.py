"""What the sample catalogue put into its folder: `sample.json`, so that nothing else there is ever removed.

It says what the sample is drawn from, whether the drawing is complete, and of every file what tells it from another:
the hash of a table, the size of an image, null while that is not known. It is written before the first file and after
the last one, so whenever a drawing is cut, it knows the names of all files that may be there.
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
SIGN = "SYNTHETIC SAMPLE CATALOGUE, drawn by latefusion"  # README.txt begins with it
OWN_FILES = ("sample.json", "README.txt")
LITTER = (".DS_Store", "Thumbs.db", "desktop.ini")  # left by file managers
TABLES = (".tsv", ".csv")


@dataclass(frozen=True)
class Record:
    """What a folder's sample is drawn from, and its files: name relative to the folder to mark."""

    recipe: dict
    files: dict[str, str | int | None]
    complete: bool = False

    def write(self, root: Path) -> None:
        write_json(root / "sample.json", self.recipe | {"complete": self.complete, "files": self.files})

    def unknown_files(self, root: Path) -> list[str]:
        """Return a line for each file in the folder that the sample did not put there, or that is another now."""
        problems = []
        for name, path in sorted(_walk(root)):
            if name not in self.files:
                problems.append(f"{name}: not a file of the sample")
            elif path.is_symlink() or self.files[name] not in (None, _mark(path)):
                problems.append(f"{name}: changed since it was drawn")
        return problems

    def is_whole(self, root: Path) -> bool:
        return self.complete and all((root / name).is_file() for name in self.files)

    def marked(self, root: Path) -> "Record":
        """Return the record with a mark of each file that is there."""
        marks = {name: _mark(root / name) if (root / name).is_file() else None for name in self.files}
        return replace(self, files=marks)

    def remove_files(self, root: Path) -> None:
        """Remove the sample's files, and the folders that this leaves empty."""
        replace(self, complete=False).write(root)
        for name in self.files:
            (root / name).unlink(missing_ok=True)
        for folder in sorted({parent for name in self.files for parent in Path(name).parents}, reverse=True):
            if folder != Path() and (root / folder).is_dir():
                for litter in LITTER:
                    (root / folder / litter).unlink(missing_ok=True)
                if not any((root / folder).iterdir()):
                    (root / folder).rmdir()


def read_record(root: Path, recipe: dict, names: Callable[[], list[str]]) -> Record:
    """Return what the sample put into a folder; `recipe` and `names` are those of the sample that is to be drawn.

    Raises InputError where that is not known, and where anything else lies in the folder.
    """
    if (root / "sample.json").is_file():
        record = _parse(root)
    else:
        record = Record(recipe, dict.fromkeys(names()) if _is_signed(root) else {})
    problems = record.unknown_files(root)
    if problems:
        raise list_problems(
            f"{root}: holds files that the sample catalogue did not put there, so all is left as it is:",
            problems,
            f"move your own files away or name another catalogue.root; to have the sample drawn anew, delete {root}",
        )
    return record


@contextmanager
def alone_in(root: Path) -> Iterator[None]:
    """Hold a lock on a folder, waiting for a process that draws there; it goes with the process."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("%s: another process is drawing the sample, waiting for it", root)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:  # some shared file systems lock no folders
            logger.info("%s: cannot be locked (%s); do not draw it twice at once", root, error.strerror)
        yield
    finally:
        os.close(descriptor)


def _parse(root: Path) -> Record:
    try:
        recipe = read_json(root / "sample.json")
        files, complete = recipe.pop("files"), recipe.pop("complete")
        if any(Path(name).is_absolute() or ".." in Path(name).parts for name in files):
            raise ValueError("names a file elsewhere")
        return Record(recipe, dict(files), complete is True)
    except (ValueError, KeyError, AttributeError, TypeError):
        raise InputError(
            f"{root}/sample.json does not list the sample's files (an earlier version wrote no list), so they cannot "
            f"be told from yours: delete {root} to have the sample drawn anew, or name another catalogue.root"
        ) from None


def _is_signed(root: Path) -> bool:
    readme = root / "README.txt"
    return readme.is_file() and readme.read_text(encoding="utf-8", errors="replace").startswith(SIGN)


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file and link but `sample.json`, `README.txt`, and what file managers leave."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in (*files, *links):
            if here == root and _is_own(here / name):
                continue
            if name not in LITTER:
                yield str((here / name).relative_to(root)), here / name


def _is_own(path: Path) -> bool:
    partial = path.name.endswith(".partial") and any(name in path.name for name in OWN_FILES)
    return partial or path.name == "sample.json" or (path.name == "README.txt" and _is_signed(path.parent))


def _mark(path: Path) -> str | int:
    if path.suffix in TABLES:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return path.stat().st_size

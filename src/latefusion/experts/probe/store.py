"""Features of frozen networks on disk, shared by all experts, folds and experiments that read alike.

Writes `weights/features/<key>/`, where <key> is a hash of what makes the features except their input: weights, pooling
or image size, precision. `about.json` says what that is. Each row of features is found by the hash of its input, so
equal inputs are computed once, and products that are added later cost only themselves.

Chunks are files `<random name>.npz`: `keys` (n,), the hashes, and `features` (n, F) float32. They are never changed.
So an interrupted run loses at most the chunk that it was computing, and runs that write at the same time do not
disturb each other. A damaged chunk is removed, and its features are computed again.
"""

import logging
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd

from latefusion.plan.records import digest
from latefusion.utils.errors import InputError, reported_as
from latefusion.utils.files import atomic_write, write_json

logger = logging.getLogger(__name__)
FOLDER = Path("weights") / "features"
VERSION = 1  # raise it when a change of the code changes features
ABANDONED_AFTER = 3600  # seconds without a write after which a partial file is removed: its run was killed


class StoredFeatures:
    """The stored features of N distinct inputs; `found` (N,) says for which the store has any."""

    def __init__(self, identity: dict, keys: pd.Index):
        """Read what the store has; `identity` is what makes the features, `keys` (N,) are the hashes of the inputs."""
        self.identity, self.keys = identity | {"version": VERSION}, keys
        self.folder = FOLDER / digest(self.identity)[:16]
        self.found = np.zeros(len(keys), dtype=bool)
        self.features = np.empty((len(keys), 0), dtype=np.float32)
        self._read: set[Path] = set()
        self.refresh()

    @property
    def n_missing(self) -> int:
        return int((~self.found).sum())

    def refresh(self) -> None:
        """Read the chunks that were written since the last call, by this run or another."""
        for path in sorted(set(self.folder.glob("*.npz")) - self._read):
            self._read.add(path)
            chunk = _read_chunk(path, self.keys[~self.found])
            if chunk is not None:
                self._take(*chunk)

    def add(self, rows: np.ndarray, features: np.ndarray) -> None:
        """Write the (n, F) features of the inputs in these rows as a new chunk."""
        name = uuid4().hex
        if not (about := self.folder / "about.json").exists():
            private = self.folder / f"{name}.json"
            write_json(private, self.identity)
            private.replace(about)  # another run may be writing it too
        _remove_abandoned(self.folder)
        path = self.folder / f"{name}.npz"
        keys = self.keys[rows].to_numpy(dtype="S")
        with atomic_write(path) as partial, partial.open("wb") as file:
            np.savez(file, keys=keys, features=features.astype(np.float32, copy=False))
        self._read.add(path)
        self._take(keys, features)

    def _take(self, keys: np.ndarray, features: np.ndarray) -> None:
        """Keep the features of wanted inputs."""
        if not self.features.shape[1]:
            self.features = np.zeros((len(self.keys), features.shape[1]), dtype=np.float32)
        rows = self.keys.get_indexer(pd.Index(keys.astype(str)))
        self.features[rows[rows >= 0]] = features[rows >= 0]
        self.found[rows[rows >= 0]] = True


def _read_chunk(path: Path, wanted: pd.Index) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the keys (n,) and features (n, F) of a chunk.

    None if it has none of the `wanted` keys, which is found out without reading its features, or, with a warning, if it
    cannot be read.
    """
    try:
        with reported_as(f"{path} cannot be read"):
            with path.open("rb") as file, np.load(file, allow_pickle=False) as chunk:
                keys = chunk["keys"]  # reading an array checks its CRC-32
                if keys.dtype.kind == "S" and not wanted.isin(keys.astype(str)).any():
                    return None
                features = chunk["features"]
            if keys.dtype.kind != "S" or features.dtype != np.float32 or features.shape[:-1] != keys.shape:
                raise ValueError(f"keys {keys.dtype} {keys.shape}, features {features.dtype} {features.shape}")
    except InputError as error:
        if isinstance(error.__cause__, FileNotFoundError):  # removed at this moment
            return None
        logger.warning("%s: its features are computed again", error)
        if not isinstance(error.__cause__, OSError):  # an OSError may pass, such as that of a network file system
            path.unlink(missing_ok=True)
        return None
    return keys, features


def _remove_abandoned(folder: Path) -> None:
    """Remove the partial files of killed runs."""
    for partial in (*folder.glob("*.partial"), *(path for path in folder.glob("*.json") if path.name != "about.json")):
        with suppress(FileNotFoundError):
            if time.time() - partial.stat().st_mtime > ABANDONED_AFTER:
                partial.unlink()

"""Pooled features of trained experts: computed once for all products, kept on disk, shared by all joint experts.

Writes `weights/<experiment>/cache/features/<expert>/<run>/`, where <run> identifies the finished run of the expert:
`ids.json`, and the features of these products in the same order, in chunks `part-<n>.npy`, (at most CHUNK, F) float32.
After an interruption only the missing chunks are computed. If the expert is trained again, <run> is new, and the
features of the earlier run are removed.
"""

import logging
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
from accelerate.utils import broadcast_object_list
from torch.utils.data import Dataset

from latefusion.experts.context import Context
from latefusion.experts.hidden import trained_network
from latefusion.experts.network import pooled_features
from latefusion.plan.records import results_digest
from latefusion.utils.files import atomic_write, read_json, write_json
from latefusion.utils.progress import Bar

logger = logging.getLogger(__name__)
CHUNK = 1024  # products per file


class FeatureStore:
    """The features of all products of a catalogue, read by product id."""

    def __init__(self, folder: Path):
        self.ids = pd.Index(read_json(folder / "ids.json"))
        chunks = [_open_chunk(folder, number, self.ids) for number in range(_n_chunks(self.ids))]
        self.chunks: list[np.ndarray] = [chunk for chunk in chunks if chunk is not None]
        if len(self.chunks) < len(chunks):
            raise ValueError(f"{folder}: {len(chunks) - len(self.chunks)} of {len(chunks)} chunks are missing")

    @property
    def size(self) -> int:
        """Number of features of a product, F."""
        return self.chunks[0].shape[1]

    def rows(self, products: pd.DataFrame) -> np.ndarray:
        """Return the products' row numbers, for `read`. Raises ValueError on a product without features."""
        rows = self.ids.get_indexer(products.index)
        if (rows < 0).any():
            raise ValueError(
                f"no features of product {products.index[rows.argmin()]}: not among those of the expert's run"
            )
        return rows

    def read(self, row: int) -> np.ndarray:
        """Return the features (F,) of one row."""
        return self.chunks[row // CHUNK][row % CHUNK]


class FeatureDataset(Dataset):
    """Products as the features of two experts: dicts of `text`, `image` and, if `targets` are given, `labels`."""

    def __init__(
        self, text: FeatureStore, image: FeatureStore, products: pd.DataFrame, targets: np.ndarray | None = None
    ):
        self.stores = {"text": text, "image": image}
        self.rows = {modality: store.rows(products) for modality, store in self.stores.items()}
        self.n_products, self.targets = len(products), targets

    def __len__(self) -> int:
        return self.n_products

    def __getitem__(self, key: int | tuple[int, int]) -> dict:
        index = key[0] if isinstance(key, tuple) else key  # (index, epoch) in training: features are not augmented
        item = {modality: store.read(self.rows[modality][index]) for modality, store in self.stores.items()}
        return item if self.targets is None else item | {"labels": self.targets[index]}


def open_features(context: Context, name: str) -> FeatureStore:
    """Return a trained expert's features of all products; compute the missing ones. All processes must call this."""
    expert_folder = context.experiment.fold_root / "cache" / "features" / name
    folder = expert_folder / str(results_digest(context.experiment.expert_dir(name)))
    if context.accelerator.is_main_process and not _holds_ids(folder, context.dataset.products.index):
        for stale in (path for path in expert_folder.glob("*") if path != folder):
            shutil.rmtree(stale, ignore_errors=True)  # a parallel job may remove them too
        _put(folder / "ids.json", lambda path: write_json(path, list(context.dataset.products.index)))
    context.accelerator.wait_for_everyone()
    ids = pd.Index(read_json(folder / "ids.json"))
    missing = [number for number in range(_n_chunks(ids)) if _open_chunk(folder, number, ids) is None]
    missing = broadcast_object_list([missing])[0]  # the main process decides: a parallel job may be adding chunks
    if missing:
        _compute(context, name, folder, ids, missing)
    return FeatureStore(folder)


def _compute(context: Context, name: str, folder: Path, ids: pd.Index, missing: list[int]) -> None:
    """Compute the missing chunks with the expert's trained weights, without augmentation."""
    network = trained_network(context, name)
    batch_size = context.experiment.experts[name].require_training().batch_size
    is_main = context.accelerator.is_main_process
    chunks = [ids[number * CHUNK : (number + 1) * CHUNK] for number in missing]
    n_products = sum(map(len, chunks))
    logger.info(
        "features of %d products by %s: %.2f GB in %s",
        n_products, name, 4 * n_products * network.model.feature_size / 1e9, folder,
    )  # fmt: skip
    with Bar(total=n_products, desc=f"features of {name}", unit="product", is_main=is_main) as bar:
        for number, chunk_ids in zip(missing, chunks, strict=True):
            products = context.dataset.products.loc[chunk_ids]
            features = pooled_features(context, network, products, batch_size)
            if is_main:
                _put(_chunk_path(folder, number), partial(_save, features))
            bar.update(len(products))
    context.accelerator.wait_for_everyone()


def _save(features: np.ndarray, path: Path) -> None:
    with atomic_write(path) as partial_file, partial_file.open("wb") as file:
        np.save(file, features)


def _put(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file under a unique name, then rename it: a parallel job may be writing the same file."""
    temporary = path.with_name(f"{uuid4().hex[:8]}-{path.name}")
    write(temporary)
    temporary.replace(path)


def _holds_ids(folder: Path, ids: pd.Index) -> bool:
    try:
        return read_json(folder / "ids.json") == list(ids)
    except (OSError, ValueError):
        return False


def _open_chunk(folder: Path, number: int, ids: pd.Index) -> np.ndarray | None:
    """Return the features of a chunk; None if its file is missing or incomplete."""
    try:
        chunk = np.load(_chunk_path(folder, number), mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return chunk if len(chunk) == len(ids[number * CHUNK : (number + 1) * CHUNK]) else None


def _chunk_path(folder: Path, number: int) -> Path:
    return folder / f"part-{number:05d}.npy"


def _n_chunks(ids: pd.Index) -> int:
    return -(-len(ids) // CHUNK)

"""Pooled features of trained experts: computed once for all products, kept on disk, shared by all joint experts.

Writes `weights/<experiment>/cache/features/<expert>/<run>/`: `ids.json`, and in its order the rows of all products, in
parts: `part-<n>.npy`, (at most PART, F) float32. A cut run continues after the parts that are there. <run> is the
expert's finished run: one that is trained again has another, and the features of its earlier one are removed.
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
from tqdm import tqdm

from latefusion.experts.context import Context
from latefusion.experts.kinds import build_network
from latefusion.experts.network import pooled_features
from latefusion.plan.records import finished_run, verified
from latefusion.utils.files import atomic_write, read_json, write_json
from latefusion.utils.weights import load_weights

logger = logging.getLogger(__name__)
PART = 1024  # products


class FeatureStore:
    """The features of all products of a catalogue, by product id."""

    def __init__(self, folder: Path):
        self.ids = pd.Index(read_json(folder / "ids.json"))
        self.parts = [_open_part(folder, number, self.ids) for number in range(_n_parts(self.ids))]

    @property
    def size(self) -> int:
        """Features of a product."""
        return self.parts[0].shape[1]

    def rows(self, products: pd.DataFrame) -> np.ndarray:
        rows = self.ids.get_indexer(products.index)
        if (rows < 0).any():
            raise ValueError(
                f"no features of product {products.index[rows.argmin()]}: not among those of the expert's run"
            )
        return rows

    def read(self, row: int) -> np.ndarray:
        """Return (F,)."""
        return self.parts[row // PART][row % PART]


class FeatureDataset(Dataset):
    """Products as the features of two experts, with the class number where there are targets."""

    def __init__(
        self, text: FeatureStore, image: FeatureStore, products: pd.DataFrame, targets: np.ndarray | None = None
    ):
        self.stores = {"text": text, "image": image}
        self.rows = {modality: store.rows(products) for modality, store in self.stores.items()}
        self.n_products, self.targets = len(products), targets

    def __len__(self) -> int:
        return self.n_products

    def __getitem__(self, key: int | tuple[int, int]) -> dict:
        index = key if self.targets is None else key[0]  # (index, epoch) in training: features are not augmented
        item = {modality: store.read(self.rows[modality][index]) for modality, store in self.stores.items()}
        return item if self.targets is None else item | {"labels": self.targets[index]}


def open_features(context: Context, name: str) -> FeatureStore:
    """Return a trained expert's features of all products; compute now what is not there. All processes call this."""
    of_expert = context.experiment.run_root / "cache" / "features" / name
    folder = of_expert / finished_run(context.experiment.expert_dir(name))
    if context.accelerator.is_main_process and not _holds_ids(folder, context.dataset.products.index):
        for stale in (path for path in of_expert.glob("*") if path != folder):
            shutil.rmtree(stale, ignore_errors=True)  # a job beside this one may be at it too
        _put(folder / "ids.json", lambda path: write_json(path, list(context.dataset.products.index)))
    context.accelerator.wait_for_everyone()
    ids = pd.Index(read_json(folder / "ids.json"))
    missing = [number for number in range(_n_parts(ids)) if _open_part(folder, number, ids) is None]
    missing = broadcast_object_list([missing])[0]  # the main process's: a job beside this one may be adding parts
    if missing:
        _compute(context, name, folder, ids, missing)
    return FeatureStore(folder)


def _compute(context: Context, name: str, folder: Path, ids: pd.Index, missing: list[int]) -> None:
    """Compute missing parts with the expert's trained weights, without augmentation."""
    expert, run_dir = context.experiment.experts[name], context.experiment.expert_dir(name)
    network = build_network(context, expert, run_dir)
    load_weights(network.model, verified(run_dir, "model.safetensors"))
    batch_size, is_main = expert.train.batch_size, context.accelerator.is_main_process
    parts = [ids[number * PART : (number + 1) * PART] for number in missing]
    n_products = sum(map(len, parts))
    logger.info(
        "features of %d products by %s: %.2f GB in %s",
        n_products, name, 4 * n_products * network.model.feature_size / 1e9, folder,
    )  # fmt: skip
    with tqdm(total=n_products, desc=f"features of {name}", unit="product", disable=None if is_main else True) as bar:
        for number, ids_of_part in zip(missing, parts, strict=True):
            products = context.dataset.products.loc[ids_of_part]
            features = pooled_features(context, network, products, batch_size)
            if is_main:
                _put(_part(folder, number), partial(_save, features))
            bar.update(len(products))
    context.accelerator.wait_for_everyone()


def _save(features: np.ndarray, path: Path) -> None:
    with atomic_write(path) as partial_file, partial_file.open("wb") as file:
        np.save(file, features)


def _put(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file under a name of its own, then move it: a job beside this one may be writing the very same."""
    private = path.with_name(f"{uuid4().hex[:8]}-{path.name}")
    write(private)
    private.replace(path)


def _holds_ids(folder: Path, ids: pd.Index) -> bool:
    try:
        return read_json(folder / "ids.json") == list(ids)
    except (OSError, ValueError):
        return False


def _open_part(folder: Path, number: int, ids: pd.Index) -> np.ndarray | None:
    """Return a part's features; None where it is not there, or was cut."""
    try:
        part = np.load(_part(folder, number), mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return part if len(part) == len(ids[number * PART : (number + 1) * PART]) else None


def _part(folder: Path, number: int) -> Path:
    return folder / f"part-{number:05d}.npy"


def _n_parts(ids: pd.Index) -> int:
    return -(-len(ids) // PART)

"""Compute the features that the store lacks, on all processes and accelerators, and read the others."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch.utils.data import Dataset

from latefusion.experts.context import Context
from latefusion.experts.probe.store import StoredFeatures
from latefusion.plan.pretrained import FOLDER, describe_files
from latefusion.training.loaders import Collate
from latefusion.training.loop import map_dataset
from latefusion.utils.environment import PRECISIONS
from latefusion.utils.errors import InputError
from latefusion.utils.progress import Bar

logger = logging.getLogger(__name__)
T = TypeVar("T")
# Of each process. On a CPU, large batches of images take twice the time: their memory is requested anew for each layer.
CPU_BATCH_SIZE, BATCH_SIZE = 8, 64
# A chunk is a sixteenth of the inputs, within these limits: small for the progress bar and for interruptions, large for
# the data loader, which starts once per chunk.
SMALLEST_CHUNK, LARGEST_CHUNK = 64, 4096


@dataclass(frozen=True)
class FrozenNetwork:
    """A pretrained network, and the inputs that it reads."""

    model: torch.nn.Module
    features: Callable[..., torch.Tensor]  # from a batch, as keywords, to (B, F)
    dataset: Callable[[np.ndarray], Dataset]  # from row numbers of the inputs to a dataset
    collate: Collate


@dataclass(frozen=True)
class View:
    """One way in which a frozen network reads N inputs: each input has one row of features."""

    name: str  # for the log and the progress bar
    identity: dict  # what makes the features, except the inputs
    keys: np.ndarray  # (N,) hashes of the inputs
    sizes: np.ndarray  # (N,) in any unit: inputs of similar size are computed together
    load: Callable[[], FrozenNetwork]  # called only if features are missing


def describe_weights(model: str, load: Callable[[], object]) -> dict[str, str]:
    """Return the hashes of a pretrained model's files, by name. All processes must call this.

    `load` loads the model; it is called if the files are only on the hub, from which it downloads them.
    """
    if _agree(describe_files(model) is None):
        load()
    files = describe_files(model)
    if files is None:
        raise InputError(
            f"{model}: its weights were loaded, but their files are neither below weights/ nor in the hub's cache: put "
            f"them into {FOLDER / model.replace('/', '--')}/, as docs/pretrained-weights.md says"
        )
    return {name: file["blake2b"] for name, file in files.items()}


def read_features(context: Context, view: View) -> np.ndarray | None:
    """Return the (N, F) features of a view; compute those that the store lacks. All processes must call this.

    Only the main process gets the features, the others get None.
    """
    keys, rows, inverse = np.unique(view.keys, return_index=True, return_inverse=True)  # equal inputs are read once
    stored = StoredFeatures(view.identity, pd.Index(keys)) if context.accelerator.is_main_process else None
    n_missing = _agree(stored.n_missing if stored else 0)
    logger.info("%s: %d to compute, %d in the store", view.name, n_missing, len(keys) - n_missing)
    if n_missing:
        _compute(context, view, rows, stored, n_missing)
    return stored.features[inverse] if stored else None


def _compute(context: Context, view: View, rows: np.ndarray, stored: StoredFeatures | None, n_missing: int) -> None:
    """Compute the missing features, chunk after chunk, and add them to the store of the main process.

    `rows` are the row numbers in `view` of the inputs in `stored`. The chunks are in random order, and what the store
    has got meanwhile is left out: so runs that need the same features at the same time share the work.
    """
    network, is_main = view.load(), context.accelerator.is_main_process
    with Bar(total=n_missing, desc=view.name, unit="input", is_main=is_main) as bar:
        while len(chunk := _agree(_next_chunk(stored, view.sizes[rows]) if stored else np.empty(0, int))):
            features = _features_of(context, view, network, rows[chunk])
            if stored:
                stored.add(chunk, features)
                stored.refresh()
                bar.update(n_missing - stored.n_missing - bar.n)


def _next_chunk(stored: StoredFeatures, sizes: np.ndarray) -> np.ndarray:
    """Return the rows of one chunk of missing inputs; empty if none are missing.

    An interrupted run continues with the same chunks: batches, and so rounding errors, are those of an uninterrupted
    run.
    """
    missing = np.flatnonzero(~stored.found)
    ordered = missing[np.argsort(-sizes[missing], kind="stable")]
    length = min(max(len(sizes) // 16, SMALLEST_CHUNK), LARGEST_CHUNK)
    starts = range(0, len(ordered), length)
    start = SystemRandom().choice(starts) if starts else 0  # not the seeded generator: each run has its own order
    return ordered[start : start + length]


def batch_size(accelerator: Accelerator) -> int:
    """Return the number of inputs that all processes compute at a time."""
    return (CPU_BATCH_SIZE if accelerator.device.type == "cpu" else BATCH_SIZE) * accelerator.num_processes


def _features_of(context: Context, view: View, network: FrozenNetwork, rows: np.ndarray) -> np.ndarray:
    """Return the (n, F) features of inputs, the same on every process. Raises InputError if any is not finite."""
    accelerator = context.accelerator
    features = map_dataset(
        accelerator, network.model, network.features, network.dataset(rows), network.collate,
        batch_size=batch_size(accelerator), hardware=context.experiment.hardware,
    )  # fmt: skip
    if broken := int((~np.isfinite(features).all(axis=1)).sum()):
        raise InputError(
            f"{view.name}: the features of {broken} of {len(features)} inputs are not finite: the network overflows in "
            f"{PRECISIONS.get(accelerator.mixed_precision, accelerator.mixed_precision)}; use another "
            "hardware.mixed_precision"
        )
    return features


def _agree(value: T) -> T:
    """Return the main process's value, on all processes."""
    return broadcast_object_list([value])[0]

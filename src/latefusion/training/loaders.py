"""Batches: a seeded order for every epoch, shared out among processes; evaluation in the dataset's own order."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from latefusion.config import Hardware, Training
from latefusion.errors import InputError
from latefusion.randomness import derive_seed

Collate = Callable[[list], dict[str, torch.Tensor]]


@dataclass(frozen=True)
class Data:
    """What a network trains on. Items of `train` are fetched by (index, epoch), those of `valid` by index."""

    train: Dataset
    collate: Collate
    valid: Dataset | None = None
    valid_targets: np.ndarray | None = None  # (N_valid,)
    drop_last: bool = False  # an odd last batch upsets batch normalisation


class EpochSampler(Sampler):
    """Yield (index, epoch), so that a dataset can draw its augmentation from the epoch alone."""

    def __init__(self, size: int, seed: int):
        self.size, self.seed, self.epoch = size, seed, 0

    def __len__(self) -> int:
        return self.size

    def __iter__(self):
        order = np.random.default_rng(derive_seed(self.seed, "order", self.epoch)).permutation(self.size)
        return iter([(int(index), self.epoch) for index in order])


def train_loader(data: Data, training: Training, hardware: Hardware, n_processes: int) -> DataLoader:
    """Return the loader of the training set; its sampler is an EpochSampler."""
    if training.batch_size % n_processes:
        raise InputError(f"train.batch_size {training.batch_size} cannot be shared out among {n_processes} processes")
    sampler = EpochSampler(len(data.train), training.seed)
    drop_last = data.drop_last and len(data.train) > training.batch_size
    return DataLoader(
        data.train, training.batch_size, sampler=sampler, drop_last=drop_last, **_loader_args(data.collate, hardware)
    )


def eval_loader(dataset: Dataset, collate: Collate, batch_size: int, hardware: Hardware) -> DataLoader:
    """Return a loader that keeps the dataset's order."""
    return DataLoader(dataset, batch_size, shuffle=False, **_loader_args(collate, hardware))


def _loader_args(collate: Collate, hardware: Hardware) -> dict:
    workers = hardware.num_workers
    if workers is None:
        workers = min(8, max(0, _own_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")) - 2))
    return {
        "collate_fn": collate,
        "num_workers": workers,
        "persistent_workers": workers > 0,
        "worker_init_fn": _init_worker,
        "pin_memory": torch.cuda.is_available(),
    }


def _own_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _init_worker(worker: int) -> None:
    cv2.setNumThreads(0)  # there are workers enough, and its threads do not survive a fork

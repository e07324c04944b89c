"""Data loaders for training and evaluation."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader, Dataset, Sampler

from latefusion.config import Hardware, Training
from latefusion.metrics.selection import Selection
from latefusion.training.batches import EvalBatches, TrainBatches, batch_size_problem
from latefusion.training.worker_errors import ErrorPassingLoader
from latefusion.utils.errors import InputError

Collate = Callable[[list], dict[str, torch.Tensor]]


@dataclass(frozen=True)
class Data:
    """The datasets of a training run. `train` is indexed by (index, epoch), `valid` by index.

    A dataset of items of different lengths (texts) has an attribute `lengths`, (N,).
    """

    train: Dataset
    collate: Collate
    valid: Dataset | None = None
    selection: Selection | None = None  # selects the epochs of the validation probabilities
    drop_last: bool = False  # a small last batch distorts batch normalisation


def train_loader(accelerator: Accelerator, data: Data, training: Training, hardware: Hardware) -> DataLoader:
    """Return this process's loader of the training set; its batch sampler is a TrainBatches."""
    if (problem := batch_size_problem(training, accelerator.num_processes)) is not None:
        raise InputError(problem)
    batches = TrainBatches(
        len(data.train), training, **_rank(accelerator), lengths=_lengths(data.train), drop_last=data.drop_last
    )
    return _loader(data.train, batches, data.collate, hardware)


def eval_loader(
    accelerator: Accelerator, dataset: Dataset, collate: Collate, batch_size: int, hardware: Hardware
) -> DataLoader:
    """Return this process's loader of its share of a dataset; its batch sampler is an EvalBatches."""
    counts = getattr(dataset, "counts", None)
    batches = EvalBatches(len(dataset), batch_size, **_rank(accelerator), lengths=_lengths(dataset), counts=counts)
    return _loader(dataset, batches, collate, hardware)


def _rank(accelerator: Accelerator) -> dict[str, int]:
    return {"rank": accelerator.process_index, "n_processes": accelerator.num_processes}


def _lengths(dataset: Dataset) -> np.ndarray | None:
    return getattr(dataset, "lengths", None)


def _loader(dataset: Dataset, batches: Sampler, collate: Collate, hardware: Hardware) -> DataLoader:
    workers = hardware.num_workers
    if workers is None:
        workers = min(8, max(0, _own_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")) - 2))
    return ErrorPassingLoader(
        dataset,
        batch_sampler=batches,
        collate_fn=collate,
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=_init_worker,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # its own: iterating a loader again must not advance the global generator
    )


def _own_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _init_worker(worker: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process handles Ctrl-C and stops its workers
    cv2.setNumThreads(0)  # the workers run in parallel already, and OpenCV's threads do not survive a fork

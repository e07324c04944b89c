"""Samplers: the batches of an epoch, drawn from its seed and the same for any number of processes.

A batch is global: `batch_size` rows over all processes. It is split into micro-batches, one for each process and each
step of gradient accumulation. The loss of a micro-batch is weighted by its share of the batch's rows, so the numbers of
processes and of accumulation steps do not change the result of an optimizer step.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler

from latefusion.config import Training
from latefusion.utils.seeds import derive_seed

POOL = 50  # batches; the items of this many batches are sorted by length together


@dataclass(frozen=True)
class MicroBatch:
    """The rows of a batch that one process computes in one forward pass (and backward pass, in training)."""

    rows: np.ndarray  # indices into the dataset
    count: int  # number of real rows; 0 for a dummy row in an empty micro-batch
    batch_size: int  # rows of the global batch, over all processes and accumulation steps
    closes_batch: bool = True  # the last of its batch: an optimizer step follows


def batch_size_problem(training: Training, n_processes: int) -> str | None:
    """Return why a batch cannot be split into micro-batches of at least one row; None if it can."""
    steps = training.gradient_accumulation_steps
    if training.batch_size >= n_processes * steps:
        return None
    return (
        f"train.batch_size {training.batch_size} is too small: {n_processes} processes times "
        f"{steps} gradient_accumulation_steps are {n_processes * steps} micro-batches"
    )


class TrainBatches(Sampler):
    """Yield this process's micro-batches of an epoch, as lists of (index, epoch).

    Datasets are indexed by this pair, because the augmentation depends on the epoch.
    """

    def __init__(
        self,
        size: int,
        training: Training,
        *,
        rank: int = 0,
        n_processes: int = 1,
        lengths: np.ndarray | None = None,
        drop_last: bool = False,
    ):
        self.size, self.training, self.rank, self.n_processes = size, training, rank, n_processes
        self.lengths = lengths  # (size,) length of each item; None if all items have the same size
        self.grouped = lengths is not None and training.group_by_length
        self.drop_last = drop_last and size > training.batch_size
        self.set_epoch(0)

    @property
    def n_batches(self) -> int:
        """Number of batches in an epoch, which is the number of optimizer steps."""
        full, rest = divmod(self.size, self.training.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def set_epoch(self, epoch: int, done: int = 0) -> None:
        """Plan an epoch; skip the first `done` batches (already trained before a resume)."""
        self.epoch = epoch
        batches = self._plan()
        self.padding_share = self._padding_share(batches)  # of the whole epoch, over all processes
        n_steps, n_micro_batches = self.training.gradient_accumulation_steps, self._n_micro_batches
        self.micro_batches = [
            micro_batch(batch, self.rank + self.n_processes * step, n_micro_batches, closes_batch=step == n_steps - 1)
            for batch in batches[done:]
            for step in range(n_steps)
        ]

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return iter([[(int(row), self.epoch) for row in one.rows] for one in self.micro_batches])

    def __len__(self) -> int:
        return len(self.micro_batches)

    @property
    def _n_micro_batches(self) -> int:
        """Number of micro-batches in a batch, over all processes."""
        return self.n_processes * self.training.gradient_accumulation_steps

    def _plan(self) -> list[np.ndarray]:
        """Return the rows of each batch of the epoch."""
        rng = np.random.default_rng(derive_seed(self.training.seed, "order", self.epoch))
        batch_size = self.training.batch_size
        order = rng.permutation(self.size)[
            : self.n_batches * batch_size
        ]  # with drop_last, rows are dropped before sorting
        if self.grouped:
            order = self._sort_in_pools(order)
        batches = _cut(order, batch_size)
        if self.grouped:
            batches = [batches[index] for index in rng.permutation(len(batches))]
        return batches

    def _sort_in_pools(self, order: np.ndarray) -> np.ndarray:
        """Sort by length within random pools: the items of a batch have similar lengths, and batches vary by epoch.

        Small catalogues get smaller pools, at least four: with a single pool every epoch would have the same batches.
        """
        pool_size = self.training.batch_size * min(POOL, max(1, self.n_batches // 4))
        pools, lengths = _cut(order, pool_size), np.asarray(self.lengths)
        return np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])

    def _padding_share(self, batches: list[np.ndarray]) -> float | None:
        """Return the share of the computed tokens that is padding; None if all items have the same size."""
        if self.lengths is None:
            return None
        n = self._n_micro_batches
        micro_batches = [micro_batch(batch, index, n).rows for batch in batches for index in range(n)]
        computed = sum(len(rows) * self.lengths[rows].max() for rows in micro_batches)
        return 1 - sum(self.lengths[rows].sum() for rows in micro_batches) / computed


class EvalBatches(Sampler):
    """Yield this process's micro-batches of a dataset, as lists of indices, long items first.

    Each item is in exactly one micro-batch of one process.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        *,
        rank: int = 0,
        n_processes: int = 1,
        lengths: np.ndarray | None = None,
        counts: np.ndarray | None = None,
    ):
        self.size = size
        self.counts = counts  # (N,) numbers of adjoining items of each product; None: one each
        order = np.arange(size) if lengths is None else np.argsort(-lengths, kind="stable")
        self.micro_batches = [micro_batch(batch, rank, n_processes) for batch in _cut(order, batch_size)]

    def __iter__(self) -> Iterator[list[int]]:
        return iter([one.rows.tolist() for one in self.micro_batches])

    def __len__(self) -> int:
        return len(self.micro_batches)


def _cut(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Cut `order` into arrays of length `size`; the last may be shorter."""
    return [order[start : start + size] for start in range(0, len(order), size)]


def micro_batch(batch: np.ndarray, index: int, n_micro_batches: int, *, closes_batch: bool = True) -> MicroBatch:
    """Return micro-batch `index` of a batch: every n-th row, so that each gets its share of the long items.

    An empty micro-batch gets the batch's first row as a dummy row, with a count of 0: every process must run the model.
    """
    rows = batch[index::n_micro_batches]
    return MicroBatch(rows if len(rows) else batch[:1], len(rows), len(batch), closes_batch)

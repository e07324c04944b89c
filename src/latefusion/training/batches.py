"""Which items meet in which batch: planned for every epoch from its seed, the same for any number of processes.

A batch is global. It is cut into parts, one for each process and each step of gradient accumulation, and every part
knows its weight in the batch, so that parts and processes change how a step is computed, not what it computes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler

from latefusion.config import Training
from latefusion.utils.seeds import derive_seed

POOL = 50  # batches whose items are sorted by length together


@dataclass(frozen=True)
class Part:
    """What one process computes of a batch at once."""

    rows: np.ndarray  # places in the dataset
    count: int  # how many of the rows count: 0 where a batch has fewer rows than parts, and one stands in
    batch_size: int  # of the whole batch
    closes_batch: bool = True


def sharing_problem(training: Training, n_processes: int) -> str | None:
    """Return why a batch cannot be shared out among processes and accumulation steps; None if it can."""
    steps = training.gradient_accumulation_steps
    if training.batch_size >= n_processes * steps:
        return None
    return (
        f"train.batch_size {training.batch_size} cannot be shared out: {n_processes} processes times "
        f"{steps} gradient_accumulation_steps are {n_processes * steps} parts"
    )


class TrainBatches(Sampler):
    """This process's parts of an epoch's batches, as lists of (index, epoch); from the epoch augmentation is drawn."""

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
        self.lengths = lengths  # of each item, or None where all are of one size
        self.grouped = lengths is not None and training.group_by_length
        self.drop_last = drop_last and size > training.batch_size
        self.begin(epoch=0)

    @property
    def n_batches(self) -> int:
        """How many batches, and so optimizer steps, an epoch has."""
        whole, rest = divmod(self.size, self.training.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def begin(self, epoch: int, done: int = 0) -> None:
        """Plan an epoch; its first `done` batches are behind us."""
        self.epoch = epoch
        batches = self._plan()
        self.padding_share = self._padding_share(batches)  # of the whole epoch, over all processes
        n_accumulated = self.training.gradient_accumulation_steps
        self.parts = [
            part_of(batch, self.rank + self.n_processes * turn, self._n_parts, closes_batch=turn == n_accumulated - 1)
            for batch in batches[done:]
            for turn in range(n_accumulated)
        ]

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return iter([[(int(row), self.epoch) for row in part.rows] for part in self.parts])

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def _n_parts(self) -> int:
        return self.n_processes * self.training.gradient_accumulation_steps

    def _plan(self) -> list[np.ndarray]:
        rng = np.random.default_rng(derive_seed(self.training.seed, "order", self.epoch))
        batch_size = self.training.batch_size
        order = rng.permutation(self.size)[: self.n_batches * batch_size]  # what is left out is so before it is sorted
        if self.grouped:
            order = self._sort_in_pools(order)
        batches = _cut(order, batch_size)
        if self.grouped:
            batches = [batches[place] for place in rng.permutation(len(batches))]
        return batches

    def _sort_in_pools(self, order: np.ndarray) -> np.ndarray:
        """Sort by length within pools: a batch's items are about equally long, and an epoch's still meet by chance.

        Small catalogues get smaller pools, at least four, or every epoch would have the same batches.
        """
        pool_size = self.training.batch_size * min(POOL, max(1, self.n_batches // 4))
        pools = _cut(order, pool_size)
        return np.concatenate([pool[np.argsort(self.lengths[pool], kind="stable")] for pool in pools])

    def _padding_share(self, batches: list[np.ndarray]) -> float | None:
        """Return which share of what the network computes is padding; items of one size have none."""
        if self.lengths is None:
            return None
        parts = [part_of(batch, number, self._n_parts).rows for batch in batches for number in range(self._n_parts)]
        computed = sum(len(rows) * self.lengths[rows].max() for rows in parts)
        return 1 - sum(self.lengths[rows].sum() for rows in parts) / computed


class EvalBatches(Sampler):
    """This process's parts of a whole dataset, each item in exactly one part of one process; long items first."""

    def __init__(
        self, size: int, batch_size: int, *, rank: int = 0, n_processes: int = 1, lengths: np.ndarray | None = None
    ):
        self.size = size
        order = np.arange(size) if lengths is None else np.argsort(-lengths, kind="stable")
        self.parts = [part_of(batch, rank, n_processes) for batch in _cut(order, batch_size)]

    def __iter__(self) -> Iterator[list[int]]:
        return iter([part.rows.tolist() for part in self.parts])

    def __len__(self) -> int:
        return len(self.parts)


def _cut(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Cut into pieces of a size; the last may be smaller."""
    return [order[start : start + size] for start in range(0, len(order), size)]


def part_of(batch: np.ndarray, number: int, n_parts: int, *, closes_batch: bool = True) -> Part:
    """Return one of a batch's parts: every n-th row, so that each has its share of a sorted batch's long items."""
    rows = batch[number::n_parts]
    return Part(rows if len(rows) else batch[:1], len(rows), len(batch), closes_batch)

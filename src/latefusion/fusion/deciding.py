"""Let fitted policies decide: in blocks of products, and with experts that run only where they are asked for."""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from latefusion.fusion.asked import Asked

BLOCK = 2_000_000  # probabilities (products x classes) of one table that are processed at a time
# From the name of an expert and the (n,) row numbers of products to their (n, C) probabilities.
Read: TypeAlias = Callable[[str, np.ndarray], np.ndarray]


class Decides(Protocol):
    """What a fitted policy (`kinds.FittedPolicy`) needs here."""

    def decide(self, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]: ...


@runtime_checkable
class Asks(Protocol):
    """A fitted policy that asks for experts or chooses between them."""

    @property
    def oof_asked(self) -> Asked: ...

    def asked(self, tables: tuple[np.ndarray, ...]) -> Asked: ...


def decide(fitted: Decides, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the decisions and (N, C) probabilities, computed block by block.

    The probabilities of all eight networks for all products may not fit into memory.
    """
    size = max(1, BLOCK // tables[0].shape[1])
    blocks = [fitted.decide(tuple(table[rows] for table in tables)) for rows in _slices(len(tables[0]), size)]
    return tuple(np.concatenate(arrays) for arrays in zip(*blocks, strict=True))


def decide_rows(
    fitted: Decides, tables: tuple[str, ...], read: Read, n: int, image_share: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the decisions and (N, C) probabilities for N products whose experts run when they are read.

    `tables`: the names of those that its `decide` takes. `image_share`: for policies of kind on_demand, in place of
    that of the config; other policies read all rows.
    """
    by_rows = getattr(fitted, "decide_rows", None)
    if by_rows is not None:
        return by_rows(read, n, image_share)
    return decide(fitted, tuple(read(name, np.arange(n)) for name in tables))


def asked_on(fitted: Asks, tables: tuple[np.ndarray, ...]) -> Asked:
    """Return for which of N products a policy asks, computed block by block."""
    size = max(1, BLOCK // tables[0].shape[1])
    blocks = [fitted.asked(tuple(table[rows] for table in tables)) for rows in _slices(len(tables[0]), size)]
    return Asked(np.concatenate([one.ask for one in blocks]), np.concatenate([one.asked for one in blocks]))


def _slices(length: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, max(length, 1), size))

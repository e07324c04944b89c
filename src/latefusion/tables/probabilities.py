"""Probability tables: one row a product (index: id), one column a class code, in one fixed order.

They are all that passes from the experts to the policies and from the policies to the vote. Whoever reads one checks
that ids and classes are the expected ones and that rows are distributions; nothing is ever aligned by row position.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.plan.records import verified
from latefusion.tables.artifacts import damaged, read_parquet
from latefusion.tables.dataset import Dataset
from latefusion.utils.errors import InputError
from latefusion.utils.files import atomic_write

ROUNDING = 1e-6  # by so much a single probability may lie outside 0 to 1
SUM_TOLERANCE = 1e-3  # by so much a row's sum may differ from one


def write_probs(path: Path, ids: pd.Index, probs: np.ndarray, classes: list[str]) -> None:
    """Write (N, C) probabilities as float32 within 0 and 1. Raises InputError unless every row is a distribution."""
    if probs.shape != (len(ids), len(classes)):
        raise ValueError(
            f"{path}: probabilities of shape {probs.shape} for {len(ids)} products, {len(classes)} classes"
        )
    fault = _fault(ids, probs)
    if fault:
        raise InputError(f"{path}: not written, {fault}: if a training diverged, lower its lr")
    table = pd.DataFrame(probs.astype(np.float32).clip(0, 1), index=ids.rename("id"), columns=classes)
    with atomic_write(path) as partial:
        table.to_parquet(partial)


def read_probs(path: Path, ids: pd.Index, classes: list[str]) -> np.ndarray:
    """Return the (N, C) probabilities of `ids`, in their order.

    Raises InputError unless the file can be read, holds exactly these ids, each once, and these classes in this order,
    and every row is a distribution.
    """
    table = read_parquet(path)
    if list(table.columns) != classes:
        raise damaged(path, f"other classes than the catalogue's: {_some(table.columns)}, not {_some(classes)}")
    check_ids(path, table.index, ids)
    if not all(pd.api.types.is_float_dtype(dtype) for dtype in table.dtypes):
        raise damaged(path, "its columns are not all floats")
    probs = table.loc[ids].to_numpy()
    fault = _fault(ids, probs)
    if fault:
        raise damaged(path, fault)
    return probs


def read_split_probs(run_dir: Path, split: str, dataset: Dataset) -> np.ndarray:
    """Return the (N, C) probabilities that a job left of a split's products, in the catalogue's order."""
    path = verified(run_dir, f"{split}_probs.parquet")
    return read_probs(path, dataset.evaluation_splits[split].index, dataset.classes)


def check_ids(path: Path, found: pd.Index, expected: pd.Index) -> None:
    """Raise InputError unless the ids found in a file, which differ, are exactly the expected ones, in any order."""
    missing, unknown = expected[~expected.isin(found)], found[~found.isin(expected)]
    if len(missing) or len(unknown):
        which = f"id {missing[0]!r} is missing" if len(missing) else f"id {unknown[0]!r} is none of its"
        raise damaged(path, f"other products than the catalogue's, {len(found)} rows for {len(expected)}: {which}")


def _fault(ids: pd.Index, probs: np.ndarray) -> str | None:
    """Say what keeps (N, C) numbers from being probabilities, if anything does."""
    with np.errstate(invalid="ignore"):  # infinities of both signs sum to NaN
        sums = probs.sum(axis=1, dtype=np.float64)
    wrong = ~np.isclose(sums, 1.0, rtol=0, atol=SUM_TOLERANCE)  # NaN and infinity are never close
    if wrong.any():
        first = int(wrong.argmax())
        return f"{wrong.sum()} rows are no probabilities, id {ids[first]} sums to {sums[first]:.6g}"
    outside = (probs.min(axis=1) < -ROUNDING) | (probs.max(axis=1) > 1 + ROUNDING)
    if outside.any():
        first = int(outside.argmax())
        low, high = probs[first].min(), probs[first].max()
        return f"{outside.sum()} rows are no probabilities, id {ids[first]} has values from {low:.6g} to {high:.6g}"
    return None


def _some(names: pd.Index | list[str]) -> str:
    return ", ".join(map(str, names[:5])) + (", ..." if len(names) > 5 else "")

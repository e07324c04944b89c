"""Probability tables: one row per product (index: id), one column per class code, in one fixed order.

They are the only interface from experts to policies and from policies to the vote. Reading one checks that its ids and
classes are the expected ones and that its rows are distributions. Tables are aligned by id, never by row position.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.plan.records import verified
from latefusion.tables.artifacts import damaged, read_parquet
from latefusion.tables.dataset import Dataset
from latefusion.utils.errors import InputError
from latefusion.utils.files import atomic_write

ROUNDING = 1e-6  # by which a single probability may be outside 0 to 1
SUM_TOLERANCE = 1e-3  # by which a row's sum may differ from one


def write_probs(path: Path, ids: pd.Index, probs: np.ndarray, classes: list[str], *, several: bool = False) -> None:
    """Write (N, C) probabilities as float32, clipped to 0 and 1.

    Raises InputError if a value is no probability or, unless products have several labels, if a row is no distribution.
    """
    if probs.shape != (len(ids), len(classes)):
        raise ValueError(
            f"{path}: probabilities of shape {probs.shape} for {len(ids)} products, {len(classes)} classes"
        )
    fault = _fault(ids, probs, several=several)
    if fault:
        raise InputError(f"{path}: not written: {fault}. If training diverged, lower its lr")
    table = pd.DataFrame(probs.astype(np.float32).clip(0, 1), index=ids.rename("id"), columns=classes)
    with atomic_write(path) as partial:
        table.to_parquet(partial)


def read_probs(path: Path, ids: pd.Index, classes: list[str], *, several: bool = False) -> np.ndarray:
    """Return the (N, C) probabilities of `ids`, in their order.

    Raises InputError unless the file is readable, holds exactly these ids, each once, and these classes in this order,
    and every value is a probability and, unless products have several labels, every row a distribution.
    """
    table = read_parquet(path)
    if list(table.columns) != classes:
        raise damaged(path, f"its classes are {_some(table.columns)}, those of the catalogue {_some(classes)}")
    check_ids(path, table.index, ids)
    if not all(pd.api.types.is_float_dtype(dtype) for dtype in table.dtypes):
        raise damaged(path, "its columns are not all floats")
    probs = table.loc[ids].to_numpy()
    fault = _fault(ids, probs, several=several)
    if fault:
        raise damaged(path, fault)
    return probs


def read_split_probs(run_dir: Path, split: str, dataset: Dataset) -> np.ndarray:
    """Return the (N, C) probabilities that a job wrote for a split's products, in the catalogue's order."""
    path = verified(run_dir, f"{split}_probs.parquet")
    return read_probs(path, dataset.evaluation_splits[split].index, dataset.classes, several=dataset.several)


def nested_table(fold: int) -> str:
    """Return the name of the table from which policies learn for a fold in nested cross-fitting (`experts.folds`)."""
    return f"without_{fold}_probs.parquet"


def read_nested_probs(run_dir: Path, fold: int, dataset: Dataset) -> np.ndarray:
    """Return (N, C) probabilities of the products of `fusion_split`, by experts that were not trained on `fold`.

    Those of the fold itself are out-of-fold probabilities; the others are of experts trained without their fold too.
    """
    products = dataset.fusion_products
    others = (products["fold"] != fold).to_numpy(bool)
    probs = read_split_probs(run_dir, dataset.fusion_split, dataset).copy()
    path, ids = verified(run_dir, nested_table(fold)), products.index[others]
    probs[others] = read_probs(path, ids, dataset.classes, several=dataset.several)
    return probs


def check_ids(path: Path, found: pd.Index, expected: pd.Index) -> None:
    """Raise InputError unless the ids found in a file, which must be unique, are the expected ones, in any order."""
    if found.equals(expected):  # the usual case, and much faster
        return
    missing, unknown = expected[~expected.isin(found)], found[~found.isin(expected)]
    if len(missing) or len(unknown):
        which = f"id {missing[0]!r} is missing" if len(missing) else f"id {unknown[0]!r} is unknown"
        rows = f"{len(found)} rows, expected {len(expected)}"
        raise damaged(path, f"its products are not those of the catalogue: {rows}, {which}")


def _fault(ids: pd.Index, probs: np.ndarray, *, several: bool) -> str | None:
    """Return why (N, C) values are not probabilities, or None if they are."""
    if several:
        broken = ~np.isfinite(probs).all(axis=1)
        if broken.any():
            return f"{broken.sum()} rows are not finite, the first is that of id {ids[int(broken.argmax())]}"
        return _outside(ids, probs)
    with np.errstate(invalid="ignore"):  # the sum of +inf and -inf is NaN
        sums = probs.sum(axis=1, dtype=np.float64)
    wrong = ~np.isclose(sums, 1.0, rtol=0, atol=SUM_TOLERANCE)  # NaN and infinity are never close
    if wrong.any():
        first = int(wrong.argmax())
        return f"{wrong.sum()} rows do not sum to one, id {ids[first]} sums to {sums[first]:.6g}"
    return _outside(ids, probs)


def _outside(ids: pd.Index, probs: np.ndarray) -> str | None:
    """Return which rows have values outside 0 to 1, or None."""
    outside = (probs.min(axis=1) < -ROUNDING) | (probs.max(axis=1) > 1 + ROUNDING)
    if outside.any():
        first = int(outside.argmax())
        low, high = probs[first].min(), probs[first].max()
        return f"{outside.sum()} rows have values outside 0 to 1, id {ids[first]} from {low:.6g} to {high:.6g}"
    return None


def _some(names: pd.Index | list[str]) -> str:
    return ", ".join(map(str, names[:5])) + (", ..." if len(names) > 5 else "")

"""Probability tables: one row a product (index: id), one column a class code, in one fixed order.

They are all that passes from the experts to the policies and from the policies to the vote. Whoever reads one asserts
that ids and classes are the expected ones; nothing is ever aligned by row position.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.files import whole
from latefusion.prepare import Prepared
from latefusion.records import sound


def write_probs(path: Path, ids: pd.Index, probs: np.ndarray, classes: list[str]) -> None:
    """Write (N, C) probabilities. Raises ValueError unless every row is finite and sums to one."""
    if probs.shape != (len(ids), len(classes)):
        raise ValueError(
            f"{path}: probabilities of shape {probs.shape} for {len(ids)} products, {len(classes)} classes"
        )
    sums = probs.sum(axis=1)
    wrong = ~np.isclose(sums, 1.0, atol=1e-3)  # NaN is never close
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"{path}: {wrong.sum()} rows are no probabilities; id {ids[first]} sums to {sums[first]}")
    table = pd.DataFrame(probs.astype(np.float32), index=ids.rename("id"), columns=classes)
    with whole(path) as partial:
        table.to_parquet(partial)


def read_probs(path: Path, ids: pd.Index, classes: list[str]) -> np.ndarray:
    """Return the (N, C) probabilities of `ids`, in their order.

    Raises ValueError unless the file holds exactly these ids and these classes in this order.
    """
    table = pd.read_parquet(path)
    if list(table.columns) != classes:
        raise ValueError(f"{path}: other classes than the catalogue's: {list(table.columns)[:5]}...")
    if not table.index.is_unique or set(table.index) != set(ids):
        raise ValueError(f"{path}: other products than the catalogue's: {len(table)} rows for {len(ids)} ids")
    return table.loc[ids].to_numpy()


def read_part_probs(run_dir: Path, part: str, prepared: Prepared) -> np.ndarray:
    """Return the (N, C) probabilities that a job left of a part's products, in the catalogue's order."""
    path = sound(run_dir, f"{part}_probs.parquet")
    return read_probs(path, prepared.evaluation_parts[part].index, prepared.classes)

"""For which products a policy asks for further experts, or chooses the second one: `<split>_asked.parquet`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.plan.records import verified
from latefusion.tables.artifacts import read_parquet
from latefusion.tables.dataset import Dataset
from latefusion.tables.probabilities import check_ids
from latefusion.utils.files import atomic_write


@dataclass(frozen=True)
class Asked:
    """The scores `ask` (N,), of which a higher one means to ask rather, and the bools `asked` (N,)."""

    ask: np.ndarray
    asked: np.ndarray

    @classmethod
    def nothing(cls) -> "Asked":
        """Return that of no products: what a policy has that is read from disk."""
        return cls(np.empty(0), np.empty(0, dtype=bool))


def write_asked(run_dir: Path, split: str, ids: pd.Index, asked: Asked) -> None:
    """Write `<split>_asked.parquet` (index: id; columns: `ask` float32, `asked` bool)."""
    columns = {"ask": asked.ask.astype(np.float32), "asked": asked.asked.astype(bool)}
    with atomic_write(run_dir / f"{split}_asked.parquet") as partial:
        pd.DataFrame(columns, index=ids.rename("id")).to_parquet(partial)


def read_asked(run_dir: Path, split: str, dataset: Dataset) -> Asked:
    """Return for which of a split's products, in the catalogue's order, the policy of this run folder asked.

    Raises InputError if the file is missing or damaged, or its products are not those of the catalogue.
    """
    path, ids = verified(run_dir, f"{split}_asked.parquet"), dataset.evaluation_splits[split].index
    table = read_parquet(path, ("ask", "asked"))
    check_ids(path, table.index, ids)
    table = table.loc[ids]
    return Asked(table["ask"].to_numpy(), table["asked"].to_numpy(bool))

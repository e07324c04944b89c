"""Decision tables: what a policy or the vote decided (`label`, `confidence`, index: id), beside its probabilities."""

from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.plan.records import verified
from latefusion.tables.artifacts import damaged, read_parquet
from latefusion.tables.dataset import Dataset
from latefusion.tables.probabilities import check_ids, write_probs
from latefusion.utils.files import atomic_write


def write_predictions(
    run_dir: Path, split: str, ids: pd.Index, preds: np.ndarray, probs: np.ndarray, classes: list[str]
) -> None:
    """Write `<split>_probs.parquet` and `<split>_preds.parquet` from (N,) decisions and (N, C) probabilities."""
    write_probs(run_dir / f"{split}_probs.parquet", ids, probs, classes)
    confidence = probs[np.arange(len(preds)), preds].astype(np.float32).clip(0, 1)  # cuts rounding off, as write_probs
    table = pd.DataFrame({"label": np.array(classes)[preds], "confidence": confidence}, index=ids.rename("id"))
    with atomic_write(run_dir / f"{split}_preds.parquet") as partial:
        table.to_parquet(partial)


def read_predictions(run_dir: Path, split: str, dataset: Dataset) -> pd.DataFrame:
    """Return the decisions on a split's products (index: id; `label`, `confidence`), in the catalogue's order.

    Raises InputError where the file is missing, damaged, or of other products or classes than the catalogue's.
    """
    path = verified(run_dir, f"{split}_preds.parquet")
    table = read_parquet(path, ("label", "confidence"))
    check_ids(path, table.index, dataset.evaluation_splits[split].index)
    unknown = table.index[~table["label"].isin(dataset.classes)]
    if len(unknown):
        raise damaged(path, f"id {unknown[0]} has the label {table.loc[unknown[0], 'label']!r}, which is no class")
    wrong = table.index[~table["confidence"].between(0, 1)]
    if len(wrong):
        raise damaged(path, f"id {wrong[0]} has the confidence {table.loc[wrong[0], 'confidence']}, not from 0 to 1")
    return table.loc[dataset.evaluation_splits[split].index]


def read_preds(run_dir: Path, split: str, dataset: Dataset) -> np.ndarray:
    """Return the (N,) class numbers decided on for a split's products, in the catalogue's order."""
    return dataset.targets(read_predictions(run_dir, split, dataset))

"""Prediction tables: the decisions of a policy or the vote (index: id; columns: label, confidence)."""

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
    confidence = probs[np.arange(len(preds)), preds].astype(np.float32).clip(0, 1)  # rounding errors, as in write_probs
    table = pd.DataFrame({"label": np.array(classes)[preds], "confidence": confidence}, index=ids.rename("id"))
    with atomic_write(run_dir / f"{split}_preds.parquet") as partial:
        table.to_parquet(partial)


def read_predictions(run_dir: Path, split: str, dataset: Dataset) -> pd.DataFrame:
    """Return the predictions for a split's products (index: id; `label`, `confidence`), in the catalogue's order.

    Raises InputError if the file is missing or damaged, or its products or classes are not those of the catalogue.
    """
    path = verified(run_dir, f"{split}_preds.parquet")
    table = read_parquet(path, ("label", "confidence"))
    check_ids(path, table.index, dataset.evaluation_splits[split].index)
    unknown = table.index[~table["label"].isin(dataset.classes)]
    if len(unknown):
        raise damaged(path, f"id {unknown[0]} has the unknown label {table.loc[unknown[0], 'label']!r}")
    wrong = table.index[~table["confidence"].between(0, 1)]
    if len(wrong):
        raise damaged(path, f"id {wrong[0]} has the confidence {table.loc[wrong[0], 'confidence']}, outside 0 to 1")
    return table.loc[dataset.evaluation_splits[split].index]


def read_preds(run_dir: Path, split: str, dataset: Dataset) -> np.ndarray:
    """Return the (N,) predicted class numbers for a split's products, in the catalogue's order."""
    return dataset.targets(read_predictions(run_dir, split, dataset))

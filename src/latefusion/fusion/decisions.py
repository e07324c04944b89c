"""Decision tables: what a policy or the vote decided (`label`, `confidence`, index: id), beside its probabilities."""

from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.files import whole
from latefusion.prepare import Prepared
from latefusion.probs import write_probs
from latefusion.records import sound


def write_decisions(
    run_dir: Path, part: str, ids: pd.Index, preds: np.ndarray, probs: np.ndarray, classes: list[str]
) -> None:
    """Write `<part>_probs.parquet` and `<part>_preds.parquet` from (N,) decisions and (N, C) probabilities."""
    write_probs(run_dir / f"{part}_probs.parquet", ids, probs, classes)
    confidence = probs[np.arange(len(preds)), preds]
    table = pd.DataFrame({"label": np.array(classes)[preds], "confidence": confidence}, index=ids.rename("id"))
    with whole(run_dir / f"{part}_preds.parquet") as partial:
        table.to_parquet(partial)


def read_preds(run_dir: Path, part: str, prepared: Prepared) -> np.ndarray:
    """Return the (N,) decisions on a part's products, in the catalogue's order."""
    ids = prepared.evaluation_parts[part].index
    table = pd.read_parquet(sound(run_dir, f"{part}_preds.parquet"))
    if set(table.index) != set(ids):
        raise ValueError(f"{run_dir}: decisions for other products than the catalogue's {part} part")
    return prepared.targets(table.loc[ids])

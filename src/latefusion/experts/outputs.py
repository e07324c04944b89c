"""What every expert leaves beside its weights: probability tables and its validation scores."""

from pathlib import Path

import numpy as np

from latefusion.files import write_json
from latefusion.metrics import valid_scores
from latefusion.prepare import Prepared
from latefusion.probs import write_probs


def write_outputs(prepared: Prepared, run_dir: Path, probs: dict[str, np.ndarray], facts: dict) -> None:
    """Write `<part>_probs.parquet` for each part and `metrics.json`: the validation scores and further facts."""
    parts = prepared.evaluation_parts
    for part, products in parts.items():
        write_probs(run_dir / f"{part}_probs.parquet", products.index, probs[part], prepared.classes)
    scores = valid_scores(prepared.targets(parts["valid"]), probs["valid"].argmax(axis=1))
    write_json(run_dir / "metrics.json", scores | facts)

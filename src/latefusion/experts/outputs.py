"""What every expert leaves beside its weights: probability tables and its validation scores."""

from pathlib import Path

import numpy as np

from latefusion.metrics.f1 import valid_scores
from latefusion.tables.dataset import Dataset
from latefusion.tables.probabilities import write_probs
from latefusion.utils.files import write_json


def write_outputs(dataset: Dataset, run_dir: Path, probs: dict[str, np.ndarray], facts: dict) -> None:
    """Write `<part>_probs.parquet` for each part and `metrics.json`: the validation scores and further facts."""
    parts = dataset.evaluation_parts
    for part, products in parts.items():
        write_probs(run_dir / f"{part}_probs.parquet", products.index, probs[part], dataset.classes)
    scores = valid_scores(dataset.targets(parts["valid"]), probs["valid"].argmax(axis=1))
    write_json(run_dir / "metrics.json", scores | facts)

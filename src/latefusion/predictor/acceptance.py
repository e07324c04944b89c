"""Which predictions are accepted without a look: those from a threshold of the confidence, of products that are usual.

`confidence.safetensors` of an exported model holds the out-of-fold confidences of the submitted decisions, the surest
first, and whether each was right. So a threshold is found for any share of the accepted predictions that is to be
right.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

from latefusion.metrics.thresholds import as_written, find_threshold
from latefusion.predictor.manifest import reading
from latefusion.utils.arrays import save_arrays
from latefusion.utils.errors import InputError

NAME = "confidence.safetensors"
LEAST_TARGET = 0.5


def save_confidence(folder: Path, confidence: np.ndarray, right: np.ndarray) -> None:
    """Write (N,) confidences and whether the decisions are right."""
    order = np.argsort(-confidence, kind="stable")
    save_arrays({"confidence": as_written(confidence[order]), "right": right[order].astype(np.uint8)}, folder / NAME)


def threshold_for(folder: Path, target_precision: float | None, min_confidence: float | None) -> float:
    """Return the confidence from which predictions of the exported model in `folder` are accepted; 0: all are.

    With a target precision: the threshold that accepts most of the labelled products of those with which a share of at
    least the target was right. Raises InputError if both are given, and for values that cannot be meant.
    """
    if target_precision is not None and min_confidence is not None:
        raise InputError("--target-precision and --min-confidence exclude each other: give one")
    if min_confidence is not None:
        if not 0 <= min_confidence <= 1:
            raise InputError(f"--min-confidence {min_confidence}: give a probability, 0 to 1")
        return min_confidence
    if target_precision is None:
        return 0.0
    if not LEAST_TARGET <= target_precision <= 1:
        raise InputError(f"--target-precision {target_precision}: give a share from {LEAST_TARGET} to 1, such as 0.98")
    with reading(folder / NAME):
        arrays = load_file(folder / NAME)
        found = find_threshold(arrays["confidence"], arrays["right"].astype(bool), target_precision)
    if np.isnan(found):
        raise InputError(
            f"--target-precision {target_precision}: on the labelled products no confidence was high enough for it"
        )
    return found


def accepted(predicted: pd.DataFrame, threshold: float) -> np.ndarray:
    """Return (N,): whether predictions are accepted; without a threshold (0) all are, also of unusual products."""
    sure = as_written(predicted["confidence"].to_numpy()) >= threshold
    return sure & (predicted["unusual"] == "").to_numpy() if threshold > 0 else sure

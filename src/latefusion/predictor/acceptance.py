"""Which predictions are accepted without a look: those from a threshold of the confidence."""

from latefusion.predictor.manifest import Manifest
from latefusion.utils.errors import InputError


def find_threshold(manifest: Manifest, target_precision: float | None, min_confidence: float | None) -> float:
    """Return the confidence from which predictions are accepted; 0: all are.

    Raises InputError if both are given, and for values that cannot be meant.
    """
    if target_precision is not None and min_confidence is not None:
        raise InputError("--target-precision and --min-confidence exclude each other: give one")
    if min_confidence is not None:
        if not 0 <= min_confidence <= 1:
            raise InputError(f"--min-confidence {min_confidence}: give a probability, 0 to 1")
        return min_confidence
    if target_precision is None:
        return 0.0
    thresholds = {row["target"]: row["threshold"] for row in manifest.automation}
    if target_precision not in thresholds:
        raise InputError(f"--target-precision {target_precision}: the model knows {', '.join(map(str, thresholds))}")
    found = thresholds[target_precision]
    if found is None:
        raise InputError(
            f"--target-precision {target_precision}: on the labelled products no confidence was high enough for it"
        )
    return found

"""Confidence thresholds above which decisions are right often enough.

They have four decimals, so that a threshold as it is written down accepts the products that were counted.
"""

import numpy as np

TARGETS = (0.90, 0.95, 0.98, 0.99)
ROUNDING = 1e-9  # 0.98 * 150 must not be greater than 147
DECIMALS, WRITTEN_DECIMALS = 4, 6  # of thresholds; of confidences in predictions.tsv


def learn_thresholds(confidence: np.ndarray, right: np.ndarray) -> dict[float, float]:
    """Return the threshold of each target, NaN if none reaches it, from (N,) confidences and whether they are right."""
    return {target: find_threshold(as_written(confidence), right, target) for target in TARGETS}


def find_threshold(confidence: np.ndarray, right: np.ndarray, target: float) -> float:
    """Return the threshold that accepts most products of those with which a share of at least `target` is right.

    `confidence` (N,) and `right` (N,), whether the decision is right. Of thresholds that accept the same products, the
    highest: below it no decision was seen. NaN if there is no such threshold.
    """
    order = np.argsort(-confidence, kind="stable")
    ordered, n_right = confidence[order], np.r_[0, np.cumsum(right[order])]
    grid = np.arange(10**DECIMALS, -1, -1) / 10**DECIMALS
    accepted = np.searchsorted(-ordered, -grid, side="right")  # the number of products at or above each threshold
    enough = (accepted > 0) & (n_right[accepted] >= target * accepted - ROUNDING)
    most = np.where(enough, accepted, 0).argmax()  # the first of equals is the highest
    return float(grid[most]) if enough.any() else float("nan")


def threshold_of_share(confidence: np.ndarray, share: float) -> float:
    """Return the highest threshold that accepts a share of at least `share` (above 0) of (N,) confidences."""
    ordered = np.sort(as_written(confidence))[::-1]
    last = ordered[int(np.ceil(share * len(ordered) - ROUNDING)) - 1]
    return float(np.floor(last * 10**DECIMALS + ROUNDING) / 10**DECIMALS)


def accepted_shares(confidence: np.ndarray, right: np.ndarray, threshold: float) -> tuple[int, float, float, int]:
    """Return how many of (N,) products a threshold accepts, their share, the share of them that is right, and N."""
    accepted = as_written(confidence) >= threshold
    share_right = float(right[accepted].mean()) if accepted.any() else float("nan")
    return int(accepted.sum()), float(accepted.mean()), share_right, len(right)


def as_written(confidence: np.ndarray) -> np.ndarray:
    """Return confidences as files hold them, to which thresholds apply."""
    return confidence.astype(np.float64).round(WRITTEN_DECIMALS)

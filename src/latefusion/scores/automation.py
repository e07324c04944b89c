"""How many products can be labelled automatically: confidence thresholds above which decisions are right often enough.

Thresholds are learnt on `fusion_split`, from out-of-fold probabilities and calibrations, and tried on the test
products. They have three decimals, so that a threshold as it is written down accepts the products that are counted.
"""

import numpy as np
import pandas as pd

from latefusion.scores.submitted import Submitted

TARGETS = (0.90, 0.95, 0.98, 0.99)
ROUNDING = 1e-9  # 0.98 * 150 must not be greater than 147
DECIMALS, WRITTEN_DECIMALS = 3, 6  # of thresholds; of confidences in predictions.tsv
COLUMNS = ["target", "threshold", "split", "accepted", "share", "right", "n"]


def automation_table(submitted: Submitted | None) -> pd.DataFrame:
    """Return one row per target and split: the threshold, and what it gives there; no rows without a submission.

    Columns: target (the share of the accepted decisions to be right), threshold (least confidence, NaN: none reaches
    the target), split, accepted (number of products), share (of all products), right (share of the accepted), n.
    """
    if submitted is None:
        return pd.DataFrame(columns=COLUMNS)
    results, rows = submitted.results, []
    known = {split: results.known(split) for split in results.splits}
    confidences = {split: submitted.confidence(split)[known[split]].round(WRITTEN_DECIMALS) for split in known}
    right = {split: (submitted.preds(split) == results.targets[split])[known[split]] for split in known}
    learnt = results.dataset.fusion_split
    for target in TARGETS:
        threshold = find_threshold(confidences[learnt], right[learnt], target)
        rows += [
            (target, threshold, split, *_accepted(confidences[split] >= threshold, right[split])) for split in known
        ]
    return pd.DataFrame(rows, columns=COLUMNS)


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


def _accepted(accepted: np.ndarray, right: np.ndarray) -> tuple[int, float, float, int]:
    share_right = float(right[accepted].mean()) if accepted.any() else float("nan")
    return int(accepted.sum()), float(accepted.mean()), share_right, len(right)

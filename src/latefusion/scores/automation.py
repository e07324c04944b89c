"""How many products can be labelled automatically: what the confidence thresholds give (see `metrics.thresholds`).

The job `submission` learns thresholds on `fusion_split`, from out-of-fold probabilities with the final calibration,
which test and new products get too. The scores say what they give on the test products: for shares of the accepted
decisions that are to be right (`automation_table`), and for shares of the products that are to be accepted
(`coverage_table`).
"""

import numpy as np
import pandas as pd

from latefusion.metrics.decisions import is_right
from latefusion.metrics.thresholds import accepted_shares, threshold_of_share
from latefusion.scores.submitted import Submitted

COLUMNS = ["target", "threshold", "split", "accepted", "share", "right", "n"]
COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


def automation_table(submitted: Submitted | None) -> pd.DataFrame:
    """Return one row per target and split: the threshold, and what it gives there; no rows without a submission.

    Columns: target (the share of the accepted decisions to be right), threshold (least confidence, NaN: none reaches
    the target), split, accepted (number of products), share (of all products), right (share of the accepted), n.
    """
    if submitted is None:
        return pd.DataFrame(columns=COLUMNS)
    results = submitted.results
    rows = []
    for row in submitted.facts["automation"]:
        threshold = float("nan") if row["threshold"] is None else row["threshold"]
        rows.append({**row, "threshold": threshold, "split": results.dataset.fusion_split})
        if results.final_split != results.dataset.fusion_split:
            given = accepted_shares(*_final(submitted), threshold)
            rows.append(dict(zip(COLUMNS, (row["target"], threshold, results.final_split, *given), strict=True)))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"threshold": float, "right": float})


def coverage_table(submitted: Submitted | None) -> pd.DataFrame:
    """Return the same for shares of the products (`coverage` in place of `target`), which the threshold accepts."""
    columns = ["coverage", *COLUMNS[1:]]
    if submitted is None:
        return pd.DataFrame(columns=columns)
    results, learnt = submitted.results, submitted.learnt_confidence
    splits = {results.dataset.fusion_split: learnt}
    if results.final_split not in splits:
        splits[results.final_split] = _final(submitted)
    rows = []
    for coverage in COVERAGES if len(learnt[0]) else ():
        threshold = threshold_of_share(learnt[0], coverage)
        rows += [(coverage, threshold, split, *accepted_shares(*own, threshold)) for split, own in splits.items()]
    return pd.DataFrame(rows, columns=columns)


def _final(submitted: Submitted) -> tuple[np.ndarray, np.ndarray]:
    """Return the (M,) confidences of decisions on `final_split` with a known label, and whether they are right."""
    known = submitted.results.known(split := submitted.results.final_split)
    right = is_right(submitted.results.targets[split], submitted.preds(split))
    return submitted.confidence(split)[known], right[known]

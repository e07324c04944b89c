"""How many products can be labelled automatically: what the confidence thresholds give (see `metrics.thresholds`).

The job `submission` learns thresholds on `fusion_split`, from out-of-fold probabilities with the final calibration,
which test and new products get too. The scores say what they give on the test products.
"""

import pandas as pd

from latefusion.metrics.thresholds import accepted_shares
from latefusion.scores.submitted import Submitted

COLUMNS = ["target", "threshold", "split", "accepted", "share", "right", "n"]


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
            known = results.known(split := results.final_split)
            right = (submitted.preds(split) == results.targets[split])[known]
            given = accepted_shares(submitted.confidence(split)[known], right, threshold)
            rows.append(dict(zip(COLUMNS, (row["target"], threshold, split, *given), strict=True)))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"threshold": float, "right": float})

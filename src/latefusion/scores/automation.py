"""How many products can be labelled automatically: what the confidence thresholds give (see `metrics.thresholds`).

The job `submission` learns thresholds on `fusion_split`, from out-of-fold probabilities with the final calibration,
which test and new products get too. The scores say what they give on the test products: for shares of the accepted
decisions that are to be right (`automation_table`), and for shares of the products that are to be accepted
(`coverage_table`).

Of several labels, confidence and right are those of the first one. So tables of these have two more columns (`SETS`),
which say how right the sets of labels of the accepted products are.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from latefusion.metrics.decisions import is_right
from latefusion.metrics.thresholds import accepted_shares, as_written, threshold_of_share
from latefusion.scores.submitted import Submitted

COLUMNS = ("target", "threshold", "split", "accepted", "share", "right", "n")
# Of several labels: the share of the accepted products that have exactly the assigned labels, and the share of the
# labels of these products that are assigned.
SETS = ("sets_right", "labels_found")
COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


@dataclass(frozen=True)
class Decisions:
    """The decisions on the labelled products of a split."""

    confidence: np.ndarray  # (M,) of the decision; of several labels, of the first
    right: np.ndarray  # (M,) bools
    targets: np.ndarray  # (M,), of several labels (M, C): see `metrics.decisions`
    preds: np.ndarray  # the same

    def accepted(self, threshold: float) -> dict[str, float]:
        """Return what a threshold accepts: accepted, share, right, n, and of several labels `SETS`."""
        found = accepted_shares(self.confidence, self.right, threshold)
        return dict(zip(COLUMNS[3:], found, strict=True)) | self.sets(threshold)

    def sets(self, threshold: float) -> dict[str, float]:
        """Return `SETS` of what a threshold accepts, NaN if that is nothing; empty with one label each."""
        if self.targets.ndim == 1:
            return {}
        accepted = as_written(self.confidence) >= threshold
        targets, preds = self.targets[accepted] > 0, self.preds[accepted] > 0
        if not accepted.any():
            return dict.fromkeys(SETS, float("nan"))
        exact, found = (targets == preds).all(axis=1).mean(), (targets & preds).sum() / targets.sum()
        return dict(zip(SETS, (float(exact), float(found)), strict=True))


def learnt_thresholds(submitted: Submitted) -> list[dict]:
    """Return the thresholds of the targets and what they give on `fusion_split`, as mappings; None is no number."""
    decisions, rows = _learnt(submitted), []
    for row in submitted.facts["automation"]:
        threshold = float("nan") if row["threshold"] is None else row["threshold"]
        sets = decisions.sets(threshold)
        rows.append(row | {name: None if np.isnan(value) else value for name, value in sets.items()})
    return rows


def automation_table(submitted: Submitted | None) -> pd.DataFrame:
    """Return one row per target and split: the threshold, and what it gives there; no rows without a submission.

    Columns: target (the share of the accepted decisions to be right), threshold (least confidence, NaN: none reaches
    the target), split, accepted (number of products), share (of all products), right (share of the accepted), n; of
    several labels also `SETS`.
    """
    if submitted is None:
        return pd.DataFrame(columns=list(COLUMNS))
    dataset, rows = submitted.results.dataset, []
    final = _final(submitted) if submitted.results.final_split != dataset.fusion_split else None
    for row in learnt_thresholds(submitted):
        threshold = float("nan") if row["threshold"] is None else row["threshold"]
        rows.append({**row, "threshold": threshold, "split": dataset.fusion_split})
        if final is not None:
            own = {"target": row["target"], "threshold": threshold, "split": submitted.results.final_split}
            rows.append({**own, **final.accepted(threshold)})
    columns = [*COLUMNS, *(SETS if dataset.several else ())]
    numbers = dict.fromkeys(["threshold", *columns[len(COLUMNS) :], "right"], float)
    return pd.DataFrame(rows, columns=columns).astype(numbers)


def coverage_table(submitted: Submitted | None) -> pd.DataFrame:
    """Return the same for shares of the products (`coverage` in place of `target`), which the threshold accepts."""
    columns = ["coverage", *COLUMNS[1:]]
    if submitted is None:
        return pd.DataFrame(columns=columns)
    results, learnt = submitted.results, _learnt(submitted)
    splits = {results.dataset.fusion_split: learnt}
    if results.final_split not in splits:
        splits[results.final_split] = _final(submitted)
    rows = []
    for coverage in COVERAGES if len(learnt.confidence) else ():
        threshold = threshold_of_share(learnt.confidence, coverage)
        given = {"coverage": coverage, "threshold": threshold}
        rows += [{**given, "split": split, **own.accepted(threshold)} for split, own in splits.items()]
    return pd.DataFrame(rows, columns=[*columns, *(SETS if results.dataset.several else ())])


def describe_right(row: pd.Series) -> str:
    """Return how many of the accepted products of a row of these tables are right."""
    right = f"{100 * row['right']:.1f} % of them"
    if SETS[0] not in row:
        return f"{right} are right"
    exact, found = (100 * row[name] for name in SETS)
    return (
        f"the first label of {right} is right, the whole set of labels of {exact:.1f} %; {found:.1f} % of their labels "
        "are found"
    )


def _learnt(submitted: Submitted) -> Decisions:
    """Return the decisions on `fusion_split`, out of fold, with the confidences that thresholds are learnt from."""
    split = submitted.results.dataset.fusion_split
    return _decisions(submitted, split, *submitted.learnt_confidence)


def _final(submitted: Submitted) -> Decisions:
    """Return the decisions on `final_split`."""
    known = submitted.results.known(split := submitted.results.final_split)
    right = is_right(submitted.results.targets[split], submitted.preds(split))
    return _decisions(submitted, split, submitted.confidence(split)[known], right[known])


def _decisions(submitted: Submitted, split: str, confidence: np.ndarray, right: np.ndarray) -> Decisions:
    known = submitted.results.known(split)
    return Decisions(confidence, right, submitted.results.targets[split][known], submitted.preds(split)[known])

"""The products whose label may be wrong: those that denoising flagged, and confident disagreement out of fold.

Only labelled products that are not held out for the test are listed: labels that are corrected after a look at the
decisions on the test products would make the test scores too high.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from latefusion.metrics.decisions import first_labels, is_known
from latefusion.report.products import DIGITS, class_numbers, not_exactly, with_texts
from latefusion.scores.results import Method, Results
from latefusion.tables.label_choices import kept_labels
from latefusion.tables.label_issues import read_label_issues

MOST = 1000  # products of the list; the most suspicious come first
CONFIDENT = 0.5  # of a decision that contradicts a label
DENOISING, DECISION = "denoising", "decision"  # what found it
COLUMNS = ["id", "given", "suggested", "confidence", "given_prob", "found", "removed"]


def describe_issues(results: Results, method: Method, probs: np.ndarray) -> tuple[list[dict], int]:
    """Return the products whose label may be wrong, the most suspicious first, at most `MOST`; and how many there are.

    `probs`: (N, C) calibrated out-of-fold probabilities of the method for the products of `fusion_split`. A product is
    the more suspicious, the more probable the suggested label is than the given one. Labels that a person has confirmed
    (`catalogue.label_choices`) are left out. Each product has: id, title, text, split, given and suggested (class
    numbers), confidence (of the suggestion), given_prob, found (by denoising, by the method's decision), and removed
    (denoising has removed it from the clean training set).
    """
    table = pd.concat([_disagreements(results, method, probs), *_flagged(results)], ignore_index=True)
    table = table[~table["id"].isin(kept_labels(results.experiment))]
    table["suspicion"] = table["confidence"] - table["given_prob"]
    table = table.sort_values("suspicion", ascending=False, kind="stable")
    by_id = table.groupby("id", sort=False)
    shown = by_id.first().assign(
        found=by_id["found"].agg(lambda found: sorted(set(found))), removed=by_id["removed"].any()
    )
    n_found, shown = len(shown), shown[:MOST]
    products = results.dataset.products.loc[shown.index]
    columns = {
        "split": products["split"].tolist(),
        "given": shown["given"].tolist(),
        "suggested": shown["suggested"].tolist(),
        "confidence": shown["confidence"].round(DIGITS).tolist(),
        "given_prob": shown["given_prob"].round(DIGITS).tolist(),
        "found": shown["found"].tolist(),
        "removed": shown["removed"].tolist(),
    }
    return with_texts(products, columns), n_found


def _disagreements(results: Results, method: Method, probs: np.ndarray) -> pd.DataFrame:
    """Return the products of `fusion_split` whose label the method's decisions confidently contradict."""
    split = results.dataset.fusion_split
    targets, preds = results.targets[split], results.preds(method, split)
    rows = np.flatnonzero(is_known(targets) & not_exactly(targets, preds))
    confidence, given_prob = _contradiction(targets[rows], preds[rows], probs[rows])
    confident = confidence >= CONFIDENT
    rows = rows[confident]
    return pd.DataFrame(
        {
            "id": results.dataset.fusion_products.index[rows],
            "given": pd.Series(class_numbers(targets[rows]), dtype=object),
            "suggested": pd.Series(class_numbers(preds[rows], probs[rows]), dtype=object),
            "confidence": confidence[confident],
            "given_prob": given_prob[confident],
            "found": DECISION,
            "removed": False,
        }
    )[COLUMNS]


def _contradiction(targets: np.ndarray, preds: np.ndarray, probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) probabilities of what is suggested, and of what is given.

    Of several labels, those of the label that is contradicted most: to have it, or not to have it.
    """
    rows = np.arange(len(probs))
    if targets.ndim == 1:
        return probs[rows, first_labels(preds)].astype(float), probs[rows, targets].astype(float)
    most = np.abs(probs - targets).max(axis=1).astype(float)
    return most, 1 - most


def _flagged(results: Results) -> Iterator[pd.DataFrame]:
    """Yield the label issues that denoising found: once, or in a cross-fitted experiment for each fold."""
    experiment, numbers = results.experiment, {name: n for n, name in enumerate(results.dataset.classes)}
    views = {"denoise": experiment}
    views |= {f"folds/{number}/denoise": fold for number, fold in enumerate(experiment.folds)}
    for key, view in views.items():
        if key in results.done:
            issues = read_label_issues(view)
            yield pd.DataFrame(
                {
                    "id": issues.index,
                    "given": pd.Series([[numbers[name]] for name in issues["given"]], dtype=object),
                    "suggested": pd.Series([[numbers[name]] for name in issues["suggested"]], dtype=object),
                    "confidence": issues["suggested_prob"].to_numpy(dtype=float),
                    "given_prob": issues["given_prob"].to_numpy(dtype=float),
                    "found": DENOISING,
                    "removed": issues["removed"].to_numpy(),
                }
            )[COLUMNS]

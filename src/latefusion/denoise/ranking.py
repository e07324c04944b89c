"""Rank label issues by confident learning, with cleanlab, and choose which of them to remove.

Northcutt et al., "Confident Learning", JAIR 2021. Input: out-of-fold probabilities; output: the flagged products.
"""

import warnings

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_normalized_margin_for_each_label

from latefusion.config import Denoise
from latefusion.utils.errors import InputError

NONE = pd.Index([])


def rank_label_issues(
    ids: pd.Index,
    labels: np.ndarray,
    pred_probs: np.ndarray,
    classes: list[str],
    settings: Denoise,
    kept: pd.Index = NONE,
) -> pd.DataFrame:
    """Return the flagged products (index: id), most suspicious first, with `removed` true for those to remove.

    The products whose label a person has confirmed, `kept`, are never removed.
    Raises InputError on probabilities that are not finite: cleanlab does not check for them.
    """
    if not np.isfinite(pred_probs).all():
        raise InputError(
            f"out-of-fold probabilities are missing for {(~np.isfinite(pred_probs)).any(axis=1).sum()} products"
        )
    with warnings.catch_warnings():
        # cleanlab warns about classes with a single product
        warnings.filterwarnings("ignore", "May not flag all label issues in class")
        ranked = find_label_issues(
            labels, pred_probs, filter_by=settings.filter_by, return_indices_ranked_by=settings.rank_by, n_jobs=1
        )
    given, suggested = labels[ranked], pred_probs[ranked].argmax(axis=1)
    issues = pd.DataFrame(
        {
            "given": np.array(classes)[given],
            "suggested": np.array(classes)[suggested],
            "margin": get_normalized_margin_for_each_label(labels, pred_probs)[ranked],
            "given_prob": pred_probs[ranked, given],
            "suggested_prob": pred_probs[ranked, suggested],
        },
        index=ids[ranked],
    )
    removable = ~issues.index.isin(kept)
    issues["removed"] = False
    issues.loc[removable, "removed"] = _removed(given[removable], np.bincount(labels), settings)
    return issues


def _removed(given: np.ndarray, class_sizes: np.ndarray, settings: Denoise) -> np.ndarray:
    """Return (N,) whether to remove each flagged product: `remove_fraction` of them, the most suspicious.

    `given` (N,) are the given class numbers of the flagged products, most suspicious first. At most `max_class_share`
    of the products of a class are removed; then products of other classes, further down, are removed instead.
    """
    n_remaining = round(settings.remove_fraction * len(given))
    class_limits = np.floor(settings.max_class_share * class_sizes).astype(int)
    removed = np.zeros(len(given), dtype=bool)
    for index, number in enumerate(given):
        if n_remaining and class_limits[number]:
            removed[index] = True
            class_limits[number] -= 1
            n_remaining -= 1
    return removed

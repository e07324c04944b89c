"""The cost curve of a policy of kind on_demand: its score against the share of products that it asks for.

From three things: the decisions of `first` and of `then`, and the scores `ask` of the policy (`<split>_asked.parquet`,
`fusion.asked.read_asked`). At a share of 0 the score is exactly that of `first`, at 1 exactly that of `then`.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from latefusion.metrics.decisions import is_known
from latefusion.metrics.f1 import count
from latefusion.scores.intervals import bootstrap, difference_interval, interval

SHARES = tuple(np.linspace(0, 1, 21).tolist())


def asked_at(ask: np.ndarray, share: float) -> np.ndarray:
    """Return the (N,) mask of the share of the products with the highest scores; of equal ones, the first."""
    asked = np.zeros(len(ask), dtype=bool)
    asked[np.argsort(-ask, kind="stable")[: round(share * len(ask))]] = True
    return asked


def cost_curve(
    targets: np.ndarray,
    first: np.ndarray,
    then: np.ndarray,
    ask: np.ndarray,
    *,
    metric: str,
    num_classes: int,
    shares: tuple[float, ...] = SHARES,
) -> pd.DataFrame:
    """Return a row for each share of products that are asked for.

    `targets` and the decisions `first` and `then` are as `metrics.decisions` describes them, one label or several;
    `ask` is (N,). Products whose labels do not count are left out. Columns: `share`; `asked`, the number of products;
    `score` by `metric`, with its 95 % interval, `score_low` and `score_high`; `difference`, by how much it is below the
    score of `then`; and `low` and `high`, the 95 % interval of the difference, by a paired bootstrap over products.
    """
    known = is_known(targets)
    targets, first, then, ask = targets[known], first[known], then[known], ask[known]
    masks = [asked_at(ask, share) for share in (*shares, 1.0)]

    def decisions() -> Iterator[np.ndarray]:  # one after another: of thousands of classes, all would take much memory
        return (np.where(asked if targets.ndim == 1 else asked[:, None], then, first) for asked in masks)

    *scores, full = (float(count(targets, preds, num_classes).score(metric)[0]) for preds in decisions())
    *draws, full_draws = bootstrap(targets, decisions(), num_classes)[metric]
    rows = []
    for share, asked, score, own in zip(shares, masks[:-1], scores, draws, strict=True):
        difference = difference_interval(full - score, full_draws - own)
        rows.append((share, int(asked.sum()), score, *interval(score, own), full - score, *difference))
    columns = ["share", "asked", "score", "score_low", "score_high", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def share_needed(curve: pd.DataFrame) -> float:
    """Return the smallest share of a `cost_curve` at which the score is not clearly below that of `then`.

    That is, the 95 % interval of the difference is not above zero.
    """
    return float(curve.loc[curve["low"] <= 0, "share"].min())

"""Uncertainty of scores: bootstrap intervals, paired differences, McNemar's test.

Products are drawn with replacement, with the same draws for all methods, so that differences are paired. Efron and
Tibshirani, "An Introduction to the Bootstrap", 1993; McNemar, Psychometrika 1947 (here in its exact binomial form).
"""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import binomtest

from latefusion.metrics.decisions import is_right
from latefusion.metrics.f1 import Counts, metrics_of

DRAWS, BLOCK = 1000, 50
LOW, HIGH = 0.025, 0.975  # the 95 % interval


def bootstrap(targets: np.ndarray, preds: np.ndarray, num_classes: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Return (M, DRAWS) for each metric: the scores of M methods' (M, N) decisions on resampled products.

    All `targets` (N,) must be known. Of several labels (see `metrics.decisions`), `preds` are (M, N, C).
    """
    blocks = [scores_of_draws(drawn, targets, preds, num_classes) for drawn in resamples(len(targets), seed)]
    return {metric: np.concatenate([block[metric] for block in blocks], axis=1) for metric in blocks[0]}


def resamples(n: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Yield DRAWS resamples of `n` products, in blocks: (BLOCK, N) counts of how often each product was drawn.

    In blocks because the N x DRAWS counts of 85,000 products would take much memory.
    """
    rng = np.random.default_rng(seed)
    for _ in range(DRAWS // BLOCK):
        yield rng.multinomial(n, np.full(n, 1 / n), size=BLOCK).astype(np.float32)


def scores_of_draws(
    drawn: np.ndarray, targets: np.ndarray, preds: np.ndarray, num_classes: int
) -> dict[str, np.ndarray]:
    """Return (M, B) for each metric: the scores of (M, N) decisions on B resamples, (B, N) counts of the products."""
    labels, n = _indicators(targets, num_classes), drawn.sum(axis=1)
    scores: dict[str, list[np.ndarray]] = {metric: [] for metric in metrics_of(targets)}
    for row in preds:
        decided = _indicators(row, num_classes)
        right = drawn @ is_right(targets, row).astype(np.float32)
        counts = Counts(drawn @ labels.multiply(decided).tocsr(), drawn @ decided, drawn @ labels, right, n)
        for metric, found in scores.items():
            found.append(counts.score(metric))
    return {metric: np.stack(found) for metric, found in scores.items()}


def _indicators(labels: np.ndarray, num_classes: int) -> csr_array:
    """Return (N, C): one for each label of a product, or for each that is assigned to it."""
    if labels.ndim == 2:
        return csr_array((labels > 0).astype(np.float32))
    n = len(labels)
    return csr_array((np.ones(n, dtype=np.float32), (np.arange(n), labels)), shape=(n, num_classes))


def interval(value: float, draws: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a score: the quantiles of its bootstrap draws, shifted so that their mean is `value`.

    A resample often lacks products of rare classes, so the draws of macro-F1 are lower than the score on average.
    """
    low, high = np.quantile(draws, [LOW, HIGH]) + value - draws.mean()
    return float(low), float(high)


def mcnemar(targets: np.ndarray, preds: np.ndarray, others: np.ndarray) -> tuple[int, int, float]:
    """Return on how many products only `preds` is right, on how many only `others`, and the two-sided p-value."""
    first, other = is_right(targets, preds), is_right(targets, others)
    only_first, only_other = int((first & ~other).sum()), int((other & ~first).sum())
    if only_first + only_other == 0:
        return 0, 0, 1.0
    return only_first, only_other, float(binomtest(only_first, only_first + only_other).pvalue)

"""Uncertainty of scores: bootstrap intervals, paired differences, McNemar's test.

Products are drawn with replacement, with the same draws for all methods, so that differences are paired. Efron and
Tibshirani, "An Introduction to the Bootstrap", 1993; McNemar, Psychometrika 1947 (here in its exact binomial form).
"""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import binomtest

from latefusion.metrics.f1 import scores_of_counts

DRAWS, BLOCK = 1000, 50
LOW, HIGH = 0.025, 0.975  # the 95 % interval


def bootstrap(targets: np.ndarray, preds: np.ndarray, num_classes: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Return (M, DRAWS) for each metric: the scores of M methods' (M, N) decisions on resampled products.

    All `targets` (N,) must be known.
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
    every = np.ones(len(targets))
    labels = _count(drawn, targets, every, num_classes)
    counts = [
        [_count(drawn, targets, row == targets, num_classes), _count(drawn, row, every, num_classes), labels]
        for row in preds
    ]
    return scores_of_counts(np.stack(counts, axis=1))


def _count(drawn: np.ndarray, columns: np.ndarray, values: np.ndarray, num_classes: int) -> np.ndarray:
    """Return (B, C) sums over the drawn products of `values`, each counted in its product's column."""
    n = len(columns)
    return drawn @ csr_array((values.astype(np.float32), (np.arange(n), columns)), shape=(n, num_classes))


def interval(value: float, draws: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a score: the quantiles of its bootstrap draws, shifted so that their mean is `value`.

    A resample often lacks products of rare classes, so the draws of macro-F1 are lower than the score on average.
    """
    low, high = np.quantile(draws, [LOW, HIGH]) + value - draws.mean()
    return float(low), float(high)


def mcnemar(targets: np.ndarray, preds: np.ndarray, others: np.ndarray) -> tuple[int, int, float]:
    """Return on how many products only `preds` is right, on how many only `others`, and the two-sided p-value."""
    only_first = int(((preds == targets) & (others != targets)).sum())
    only_other = int(((preds != targets) & (others == targets)).sum())
    if only_first + only_other == 0:
        return 0, 0, 1.0
    return only_first, only_other, float(binomtest(only_first, only_first + only_other).pvalue)

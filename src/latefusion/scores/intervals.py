"""Uncertainty of scores: bootstrap intervals, paired differences, McNemar's test.

Products are drawn with replacement, with the same draws for all methods, so that differences are paired. Efron and
Tibshirani, "An Introduction to the Bootstrap", 1993; McNemar, Psychometrika 1947 (here in its exact binomial form).
"""

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import binomtest

from latefusion.metrics.f1 import scores_of_counts

DRAWS, BLOCK = 1000, 50
LOW, HIGH = 0.025, 0.975  # the 95 % interval


def bootstrap(targets: np.ndarray, preds: np.ndarray, num_classes: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Return (M, DRAWS) for each metric: the scores of M methods' (M, N) decisions on resampled products.

    All `targets` (N,) must be known. BLOCK draws are computed at a time: the N x DRAWS counts of 85,000 products would
    take much memory.
    """
    n = len(targets)
    rng = np.random.default_rng(seed)
    labelled = _indicator(targets, np.ones(n), num_classes)
    guessed = [_indicator(row, np.ones(n), num_classes) for row in preds]
    hit = [_indicator(targets, row == targets, num_classes) for row in preds]
    blocks: list[dict[str, np.ndarray]] = []
    for _ in range(DRAWS // BLOCK):
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=BLOCK).astype(np.float32)  # (BLOCK, N)
        labels = drawn @ labelled
        counts = np.stack([[drawn @ h, drawn @ g, labels] for h, g in zip(hit, guessed, strict=True)], axis=1)
        blocks.append(scores_of_counts(counts))
    return {metric: np.concatenate([block[metric] for block in blocks], axis=1) for metric in blocks[0]}


def _indicator(columns: np.ndarray, values: np.ndarray, num_classes: int) -> csr_array:
    """Return the sparse (N, C) matrix with one value per row, in the given column."""
    n = len(columns)
    return csr_array((values.astype(np.float32), (np.arange(n), columns)), shape=(n, num_classes))


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

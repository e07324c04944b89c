"""Uncertainty of scores: bootstrap intervals, paired differences, McNemar's test.

Products are drawn with replacement, with the same draws for all methods, so that differences are paired. Efron and
Tibshirani, "An Introduction to the Bootstrap", 1993; McNemar, Psychometrika 1947 (here in its exact binomial form).
scipy.stats.bootstrap calls a score for each draw and each method; here all are products of sparse matrices.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import binomtest

from latefusion.metrics.decisions import is_right
from latefusion.metrics.f1 import Counts, metrics_of

DRAWS, BLOCK = 1000, 50
LOW, HIGH = 0.025, 0.975  # the 95 % interval


def bootstrap(
    targets: np.ndarray, preds: Iterable[np.ndarray], num_classes: int, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return (M, DRAWS) for each metric: the scores of M methods' decisions on resampled products.

    `metrics.decisions` describes `targets`, which must all be known, and `preds`, of which there are M.
    """
    decisions = _Decisions(targets, preds, num_classes)
    blocks = [decisions.scores(drawn) for drawn in resamples(len(targets), seed)]
    return {metric: np.concatenate([block[metric] for block in blocks], axis=1) for metric in blocks[0]}


def resamples(n: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Yield DRAWS resamples of `n` products, in blocks: (BLOCK, N) counts of how often each product was drawn.

    In blocks because the N x DRAWS counts of 85,000 products would take much memory.
    """
    rng = np.random.default_rng(seed)
    for _ in range(DRAWS // BLOCK):
        yield rng.multinomial(n, np.full(n, 1 / n), size=BLOCK).astype(np.float32)


def scores_of_draws(
    drawn: np.ndarray, targets: np.ndarray, preds: Iterable[np.ndarray], num_classes: int
) -> dict[str, np.ndarray]:
    """Return (M, B) for each metric: the scores of M decisions on B resamples, (B, N) counts of the products."""
    return _Decisions(targets, preds, num_classes).scores(drawn)


class _Decisions:
    """Labels and decisions of M methods as sparse matrices: of thousands of classes, few are theirs."""

    def __init__(self, targets: np.ndarray, preds: Iterable[np.ndarray], num_classes: int):
        self.metrics, self.labels = metrics_of(targets), _indicators(targets, num_classes)
        self.methods = []  # decided and correct (N, C), right (N,)
        for row in preds:
            decided = _indicators(row, num_classes)
            right = is_right(targets, row).astype(np.float32)
            self.methods.append((decided, self.labels.multiply(decided).tocsr(), right))

    def scores(self, drawn: np.ndarray) -> dict[str, np.ndarray]:
        labelled, n = drawn @ self.labels, drawn.sum(axis=1)
        scores: dict[str, list[np.ndarray]] = {metric: [] for metric in self.metrics}
        for decided, correct, right in self.methods:
            counts = Counts(drawn @ correct, drawn @ decided, labelled, drawn @ right, n)
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

    A resample often lacks products of rare classes, so the draws of macro-F1 are lower than the score on average. The
    shift may lead out of the range of scores, 0 to 1, where the interval ends.
    """
    return _shifted(value, draws, least=0)


def difference_interval(value: float, draws: np.ndarray) -> tuple[float, float]:
    """Return the same for the difference of two scores, -1 to 1."""
    return _shifted(value, draws, least=-1)


def _shifted(value: float, draws: np.ndarray, *, least: float) -> tuple[float, float]:
    low, high = np.clip(np.quantile(draws, [LOW, HIGH]) + value - draws.mean(), least, 1)
    return float(low), float(high)


def mcnemar(targets: np.ndarray, preds: np.ndarray, others: np.ndarray) -> tuple[int, int, float]:
    """Return on how many products only `preds` is right, on how many only `others`, and the two-sided p-value."""
    first, other = is_right(targets, preds), is_right(targets, others)
    only_first, only_other = int((first & ~other).sum()), int((other & ~first).sum())
    if only_first + only_other == 0:
        return 0, 0, 1.0
    return only_first, only_other, float(binomtest(only_first, only_first + only_other).pvalue)

"""Intervals of scores cover, differences are paired."""

import numpy as np
import pytest

from latefusion.metrics.f1 import METRICS
from latefusion.scores.intervals import bootstrap, difference_interval, interval, mcnemar


def decisions(rng, n: int, accuracy: float, num_classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    targets = rng.integers(num_classes, size=n)
    return targets, np.where(rng.random(n) < accuracy, targets, rng.integers(num_classes, size=n))


def test_draws_are_scores_of_resampled_products():
    rng = np.random.default_rng(0)
    targets, preds = decisions(rng, 300, 0.5)
    draws = bootstrap(targets, preds[None], 4)
    for metric, function in METRICS.items():
        resampled = []
        for _ in range(300):
            rows = rng.integers(300, size=300)
            resampled.append(function(targets[rows], preds[rows]))
        assert np.mean(draws[metric][0]) == pytest.approx(np.mean(resampled), abs=0.006)
        assert np.std(draws[metric][0]) == pytest.approx(np.std(resampled), rel=0.15)


def test_differences_are_paired():
    """Two methods that differ on five products of 500 differ by little in every draw."""
    targets, preds = decisions(np.random.default_rng(0), 500, 0.7)
    other = preds.copy()
    other[:5] = targets[:5]
    draws = bootstrap(targets, np.stack([other, preds]), 4)["accuracy"]
    assert np.std(draws[0] - draws[1]) < 0.25 * np.std(draws[0])
    assert (draws[0] >= draws[1]).all()


def test_no_interval_is_beyond_what_a_score_can_be():
    """Of rare classes, most draws of macro-F1 are far below the score, and the shift is large."""
    targets = np.array([0] * 60 + list(range(1, 9)))
    preds = np.where(np.arange(68) == 5, 1, targets)
    draws = bootstrap(targets, preds[None], 9)["macro_f1"][0]
    value = METRICS["macro_f1"](targets, preds)
    assert np.quantile(draws, 0.975) + value - draws.mean() > 1  # the shift alone leads beyond
    assert 0 <= interval(value, draws)[0] < value < interval(value, draws)[1] == 1
    assert interval(1 - value, 1 - draws)[0] == 0
    assert difference_interval(-0.4, np.linspace(-0.6, -0.2, 100))[0] < -0.5  # of differences, below zero is right
    assert difference_interval(-0.9, np.linspace(-1, 0, 100))[0] == -1


def test_mcnemar_counts_who_alone_is_right():
    targets = np.zeros(10, int)
    first, other = np.array([0] * 9 + [1]), np.array([1] * 8 + [0, 0])
    assert mcnemar(targets, first, other)[:2] == (8, 1)
    assert mcnemar(targets, first, other)[2] == pytest.approx(20 / 512)  # 2 * P(at most 1 of 9)
    assert mcnemar(targets, first, first) == (0, 0, 1.0)

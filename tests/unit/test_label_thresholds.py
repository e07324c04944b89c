"""Thresholds of several labels: the best of their kind, learnt without a product's own labels."""

import itertools

import numpy as np
import pytest
from scipy.special import expit, logit

from latefusion.metrics.confidence import fit_label_calibrations
from latefusion.metrics.decisions import decide
from latefusion.metrics.f1 import score
from latefusion.metrics.label_thresholds import GRID, LabelThresholds


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def draw(rng: np.random.Generator, n: int = 3000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (N, 4) targets, (N, 4) probabilities that are too low, and (N,) folds. The last label is not visible."""
    probs = rng.beta(0.4, 0.9, (n, 4)).astype(np.float32)
    probs[:, 3] = 0.25
    targets = (rng.random(probs.shape) < probs).astype(np.int8)
    return targets, expit(logit(probs) - 3).astype(np.float32), rng.integers(4, size=n)


@pytest.mark.parametrize("metric", ["micro_f1", "macro_f1", "weighted_f1", "accuracy"])
@pytest.mark.parametrize("how", ["calibrated", "tuned"])
def test_they_raise_the_score_and_no_product_has_a_part_in_its_own(rng, how, metric):
    targets, probs, folds = draw(rng)
    learnt = LabelThresholds.learn(how, probs, targets, folds, metric=metric)
    raised = "micro_f1" if metric == "accuracy" else metric
    half = score(raised, targets, decide(probs, several=True))
    assert score(raised, targets, learnt.decide_out_of_fold(probs, folds)) > half + 0.04
    changed = np.where((folds == 1)[:, None], 1 - targets, targets)
    again = LabelThresholds.learn(how, probs, changed, folds, metric=metric)
    assert np.array_equal(again.by_fold[1], learnt.by_fold[1])
    assert not np.array_equal(again.by_fold[0], learnt.by_fold[0])


def test_what_is_calibrated_to_a_half_is_assigned(rng):
    targets, probs, folds = draw(rng)
    learnt = LabelThresholds.calibrated(probs, targets, folds)
    *by_fold, final = fit_label_calibrations(probs, targets, folds)
    assert np.array_equal(learnt.decide(probs), decide(final.apply(probs), several=True))
    own = np.concatenate([decide(one.apply(probs[folds == fold]), several=True) for fold, one in enumerate(by_fold)])
    order = np.argsort(folds, kind="stable")
    assert np.array_equal(learnt.decide_out_of_fold(probs, folds)[order], own)
    assert final.half == pytest.approx(expit(-3), abs=0.02)  # what draw() made of a half


@pytest.mark.parametrize("metric", ["micro_f1", "macro_f1"])
def test_no_other_thresholds_of_the_grid_have_a_higher_score(rng, metric):
    targets, probs, folds = draw(rng, n=200)
    targets, probs = targets[:, 1:3], probs[:, 1:3]

    def score_of(thresholds: np.ndarray) -> float:
        assigned, has = probs >= thresholds, targets > 0
        correct, n = (assigned & has).sum(axis=0), assigned.sum(axis=0) + has.sum(axis=0)
        return 2 * correct.sum() / n.sum() if metric == "micro_f1" else (2 * correct / n).mean()

    chosen = score_of(LabelThresholds.tuned(probs, targets, folds, metric).final.astype(np.float32))
    every = itertools.product(GRID.astype(np.float32), repeat=2)
    assert chosen == pytest.approx(max(score_of(np.array(one)) for one in every), abs=1e-12)


def test_a_label_that_cannot_be_seen_is_assigned_to_all_by_its_own_f1_and_to_none_by_micro_f1(rng):
    targets, probs, folds = draw(rng)
    tuned = {metric: LabelThresholds.tuned(probs, targets, folds, metric) for metric in ("macro_f1", "micro_f1")}
    assert tuned["macro_f1"].final[3] < probs[0, 3] < tuned["micro_f1"].final[3]


@pytest.mark.parametrize("metric", ["micro_f1", "macro_f1"])
def test_a_class_without_products_keeps_a_half_and_unknown_labels_do_not_count(rng, metric):
    targets, probs, folds = draw(rng)
    targets[:, 2] = 0
    learnt = LabelThresholds.tuned(probs, targets, folds, metric)
    assert (learnt.final[2], *learnt.by_fold[:, 2]) == (0.5,) * 5
    hidden = np.concatenate([targets, np.full_like(targets, -1)])
    with_unknown = LabelThresholds.tuned(np.tile(probs, (2, 1)), hidden, np.tile(folds, 2), metric)
    assert np.array_equal(with_unknown.final, learnt.final)

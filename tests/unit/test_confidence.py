"""Calibrated confidences are right as often as they say, and leave every decision as it is."""

from dataclasses import asdict

import numpy as np
import pytest
from helpers.results import draw_labels, draw_probs
from scipy.special import expit

from latefusion.dataset.split import assign_folds
from latefusion.metrics.calibration import (
    as_logits,
    expected_calibration_error,
    fit_temperature,
    fold_temperatures,
    temper,
    temperature_of,
)
from latefusion.metrics.confidence import (
    Calibration,
    LabelCalibration,
    favour,
    fit_calibrations,
    restore_calibration,
)


def calibrated(n: int, num_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities, and labels drawn from them."""
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(num_classes, 0.3), n)
    return probs.astype(np.float32), np.array([rng.choice(num_classes, p=row) for row in probs])


def with_wrong_labels(probs, targets):
    wrong = np.random.default_rng(1).random(len(targets)) < 0.15
    return probs, np.where(wrong, np.random.default_rng(2).integers(probs.shape[1], size=len(targets)), targets)


def with_classes_of_their_own(probs, targets):
    """Products have labels that nothing predicts, the more often the lower their confidence is."""
    unseen = np.random.default_rng(3).random(len(targets)) > probs.max(axis=1)
    probs = np.pad(probs, ((0, 0), (0, 10)))
    return probs, np.where(unseen, 5 + np.arange(len(targets)) % 10, targets)


MISCALIBRATED = {
    "too sure": lambda probs, targets: (temper(probs, 0.4), targets),
    "too unsure": lambda probs, targets: (temper(probs, 3.0), targets),
    "almost uniform": lambda probs, targets: (temper(probs, 150.0), targets),
    "certain": lambda probs, targets: (np.eye(5, dtype=np.float32)[probs.argmax(axis=1)], targets),
    "wrong labels": with_wrong_labels,
    "unseen classes": with_classes_of_their_own,
}


@pytest.mark.parametrize("what", MISCALIBRATED)
@pytest.mark.parametrize("n", [1000, 4000])
def test_calibration_lowers_the_error_out_of_fold_and_keeps_the_order(what, n):
    probs, targets = MISCALIBRATED[what](*calibrated(n, 5))
    preds, folds = probs.argmax(axis=1), assign_folds(targets, 8, 0)
    fitted = fit_calibrations(probs, preds, targets, folds)
    mended = fitted.apply_out_of_fold(probs, folds)
    before, after = (expected_calibration_error(targets, table, preds) for table in (probs, mended))
    assert after < 0.6 * before
    assert after < 0.3 / n**0.25  # 0.053 for 1,000 products, 0.038 for 4,000
    assert np.allclose(mended.sum(axis=1), 1, atol=1e-5)
    assert mended.min() >= 0
    others = fitted.final.apply(probs)
    for table in (mended, others):
        assert (np.take_along_axis(table, preds[:, None], axis=1)[:, 0] == table.max(axis=1)).all()
        along = np.take_along_axis(table, np.argsort(probs, axis=1, kind="stable"), axis=1)
        assert (np.diff(along, axis=1) >= 0).all()


def test_what_is_calibrated_stays_nearly_as_it_is():
    probs, targets = calibrated(3000, 5)
    final = fit_calibrations(probs, probs.argmax(axis=1), targets, assign_folds(targets, 8, 0)).final
    assert np.abs(final.apply(probs) - probs).max() < 0.06


def test_no_label_has_an_influence_on_its_own_fold_by_a_single_bit():
    probs, targets = calibrated(200, 3)
    preds, folds = probs.argmax(axis=1), assign_folds(targets, 4, 0)
    before = fit_calibrations(probs, preds, targets, folds)
    changed = np.where(folds == 2, (targets + 1) % 3, targets)
    after = fit_calibrations(probs, preds, changed, folds)
    assert before.by_fold[2] == after.by_fold[2]
    assert before.final != after.final  # the labels are read
    hidden = np.where(folds == 2, -1, targets)
    rows = folds == 2
    without = fit_calibrations(probs, preds, hidden, folds).by_fold[2]
    assert np.allclose(without.apply(probs[rows]), before.by_fold[2].apply(probs[rows]), atol=0.02)


@pytest.mark.parametrize("n", [2, 10, 100])
def test_a_few_products_that_are_all_right_make_nothing_certain(n):
    """If n of n are right, the next one may be wrong; and a doubtful decision stays more doubtful than a sure one."""
    targets = np.arange(n) % 2
    probs = draw_probs(targets, 1.0, num_classes=2, seed=0, confidence=0.7)
    folds = np.arange(n) % 2
    fitted = fit_calibrations(probs, targets, targets, folds)
    for calibration in (*fitted.by_fold, fitted.final):
        sure, doubtful = calibration.apply(np.array([[1.0, 0.0], [0.55, 0.45]], dtype=np.float32))[:, 0]
        assert 0.5 < doubtful < sure <= 1 - 0.49 / (n + 1)


@pytest.mark.parametrize("right", [True, False])
def test_one_class_and_no_label_outside_a_fold_are_no_obstacle(right):
    probs = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], dtype=np.float32)
    preds = probs.argmax(axis=1)
    for targets in (np.zeros(4, int), np.array([0, -1, -1, -1])):
        labels = targets if right else np.where(targets >= 0, 1, -1)
        fitted = fit_calibrations(probs, preds, labels, np.array([0, 1, 2, 0]))
        for calibration in (*fitted.by_fold, fitted.final):
            table = calibration.apply(probs)
            assert np.allclose(table.sum(axis=1), 1)
            assert (table > 0).all()


def test_a_single_fold_is_calibrated_by_nothing():
    fitted = fit_calibrations(*calibrated_alone(), np.zeros(50, int))
    assert (fitted.by_fold[0].temperature, fitted.by_fold[0].power) == (1, 1)


def calibrated_alone():
    probs, targets = calibrated(50, 3)
    return probs, probs.argmax(axis=1), targets


def test_chance_has_the_confidence_of_chance():
    targets = draw_labels(2000, 4)
    probs = draw_probs(draw_labels(2000, 4, seed=7), 1.0, num_classes=4, seed=1, confidence=0.95)
    final = fit_calibrations(probs, probs.argmax(axis=1), targets, assign_folds(targets, 8, 0)).final
    assert final.apply(probs).max() == pytest.approx(0.25, abs=0.03)


def test_more_products_than_are_fitted_to_give_nearly_the_same(monkeypatch):
    probs, targets = calibrated(4000, 5)
    inputs = (temper(probs, 0.5), probs.argmax(axis=1), targets, assign_folds(targets, 4, 0))
    full = fit_calibrations(*inputs).final
    monkeypatch.setattr("latefusion.metrics.confidence.MOST_PRODUCTS", 1500)
    monkeypatch.setattr("latefusion.metrics.confidence.BLOCK", 1000)
    assert np.allclose(fit_calibrations(*inputs).final.apply(probs), full.apply(probs), atol=0.05)


def test_blocks_change_nothing(monkeypatch):
    probs, targets = calibrated(500, 5)
    inputs = (probs, probs.argmax(axis=1), targets, assign_folds(targets, 4, 0))
    whole = fit_calibrations(*inputs)
    monkeypatch.setattr("latefusion.metrics.confidence.BLOCK", 300)
    assert fit_calibrations(*inputs) == whole


def test_a_calibration_does_what_its_formula_says():
    probs = np.array([[0.6, 0.3, 0.1]])
    kept = 0.9 * (probs**0.5 / (probs**0.5).sum()) ** 2
    expected = kept + (1 - kept.sum()) / 3
    assert Calibration(temperature=2.0, power=2.0, noise=0.1).apply(probs) == pytest.approx(expected)


def test_the_decided_class_is_the_most_probable_one():
    probs = np.array([[0.5, 0.45, 0.05, 0.0], [0.5, 0.3, 0.2, 0.0], [0.2, 0.5, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]])
    favoured = favour(probs, np.array([0, 1, 2, 0]))
    expected = [[0.5, 0.45, 0.05, 0.0], [0.4, 0.4, 0.2, 0.0], [0.3, 0.3, 0.3, 0.1], [0.25] * 4]
    assert favoured == pytest.approx(np.array(expected))
    rng = np.random.default_rng(0)
    table, preds = rng.dirichlet(np.ones(6), 500).astype(np.float32), rng.integers(6, size=500)
    favoured = favour(table, preds)
    assert (favoured[np.arange(500), preds] == favoured.max(axis=1)).all()
    assert np.allclose(favoured.sum(axis=1), 1)


def several(n: int = 2000, num_classes: int = 30, seed: int = 0):
    """Return true logits, labels drawn by them, and folds."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-2.5, 1.5, (n, num_classes))
    return logits, (rng.random(logits.shape) < expit(logits)).astype(np.int8), np.arange(n) % 5


def test_slope_and_offset_of_several_labels_are_found():
    logits, targets, folds = several()
    probs = expit(2 * logits + 3).astype(np.float32)
    final = fit_calibrations(probs, None, targets, folds).final
    assert final.slope == pytest.approx(0.5, abs=0.03)
    assert final.offset == pytest.approx(-1.5, abs=0.05)
    np.testing.assert_allclose(final.apply(probs[:9]), expit(logits[:9]), atol=0.03)


def test_labels_have_no_influence_on_their_own_fold_by_a_single_bit_of_several_either():
    logits, targets, folds = several()
    probs = expit(3 * logits).astype(np.float32)
    before = fit_calibrations(probs, None, targets, folds)
    changed = targets.copy()
    changed[folds == 2] = 1 - changed[folds == 2]
    after = fit_calibrations(probs, None, changed, folds)
    assert after.by_fold[2] == before.by_fold[2]
    assert after.by_fold[1] != before.by_fold[1]
    assert fold_temperatures(probs, changed, folds, 5)[2] == fold_temperatures(probs, targets, folds, 5)[2]
    hidden = targets.copy()
    hidden[folds == 2] = -1
    assert fit_calibrations(probs, None, hidden, folds).final == before.by_fold[2]


@pytest.mark.parametrize("label", [0, 1])
def test_labels_that_are_all_alike_give_finite_parameters(label):
    probs = np.full((6, 2), 0.7, np.float32)
    targets = np.full((6, 2), label, np.int8)
    final = fit_calibrations(probs, None, targets, np.arange(6) % 2).final
    assert np.isfinite([final.slope, final.offset]).all()
    assert final.slope > 0
    assert ((final.apply(probs) > 0.7) == label).all()


def test_counted_logits_give_the_temperature_of_the_logits_themselves():
    logits, targets, _ = several(300)
    probs = expit(2 * logits).astype(np.float32)
    expected, _ = fit_temperature(as_logits(probs, several=True), targets)
    assert temperature_of(probs, targets) == pytest.approx(expected, rel=0.005)


def test_parameters_are_restored_as_they_were():
    for calibration in (Calibration(2.0, 1.0, 0.1), LabelCalibration(0.5, -1.0)):
        assert restore_calibration(asdict(calibration)) == calibration


def test_the_first_of_several_labels_is_the_highest_after_favouring():
    probs = np.array([[0.9, 0.5, 0.2]], np.float32)
    assert favour(probs, np.array([[1, 2, 0]], np.int8)) == pytest.approx(np.array([[0.7, 0.7, 0.2]]))
    assert (favour(probs, np.array([[2, 1, 0]], np.int8)) == probs).all()

"""Expected calibration error and temperature scaling."""

import numpy as np
import pytest

from latefusion.metrics.calibration import expected_calibration_error, fit_temperature, reliability, temper


def test_calibration_error_is_the_distance_of_confidence_and_accuracy():
    probs = np.tile([0.8, 0.2], (10, 1))
    targets = np.array([0] * 5 + [1] * 5)
    assert expected_calibration_error(targets, probs) == pytest.approx(0.3)
    assert reliability(targets, probs)["n"].tolist() == [10]
    certain = np.tile([1.0, 0.0], (10, 1))
    assert expected_calibration_error(targets, certain) == pytest.approx(0.5)


def test_tempering_mends_what_is_too_sure_and_keeps_its_decisions():
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(5), 3000)
    targets = np.array([rng.choice(5, p=row) for row in probs])
    sure = temper(probs, 1 / 3)
    temperature, _ = fit_temperature(np.log(sure), targets)
    assert temperature == pytest.approx(3, rel=0.1)
    mended = temper(sure, temperature)
    assert expected_calibration_error(targets, mended) < 0.3 * expected_calibration_error(targets, sure)
    assert np.array_equal(mended.argmax(axis=1), probs.argmax(axis=1))

"""Linear experts of products with several labels: one classifier for each label, calibrated with all of them."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from latefusion.config import TextProbe, TfidfExpert
from latefusion.experts.margins import Sigmoids, calibration_of, fit_calibration
from latefusion.experts.probe import regression
from latefusion.experts.probe.classifier import ProbeClassifier, fit_classifier
from latefusion.experts.probe.regression import SeveralLogisticRegression
from latefusion.experts.text.tfidf import SeveralSVM, TfidfClassifier

EXPERT = TextProbe(kind="text_probe", model="any")


def draw(n: int, seed: int, num_classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, 20) features which partly tell the labels, and (n, C) labels: about one to three, the last rare."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(99).normal(size=(20, num_classes))
    features = rng.normal(size=(n, 20))
    offsets = np.linspace(0, -6, num_classes)
    targets = (rng.random((n, num_classes)) < expit(features @ directions + offsets)).astype(np.int8)
    targets[targets.sum(axis=1) == 0, 0] = 1  # each product has a label
    return features.astype(np.float32), targets


def log_loss(targets: np.ndarray, probs: np.ndarray) -> float:
    return float(-np.log(np.where(targets > 0, probs, 1 - probs)).mean())


def fit(features, targets, groups=None, **settings) -> tuple[ProbeClassifier, dict]:
    expert = EXPERT.model_copy(update=settings)
    return fit_classifier(features, targets, groups, frequencies=targets.mean(axis=0), expert=expert, name="probe")


# ---- calibration


def test_margins_that_are_logits_stay_as_they_are_and_others_are_mapped_to_probabilities():
    rng = np.random.default_rng(0)
    logits = rng.normal(-1, 2, size=(4000, 10))
    targets = (rng.random(logits.shape) < expit(logits)).astype(np.int8)
    honest, loss = fit_calibration(logits, targets)
    assert list(honest.numbers.values()) == pytest.approx([1, 1, 0], abs=0.1)
    assert loss == pytest.approx(log_loss(targets, honest(logits).astype(np.float64)), abs=1e-4)
    squeezed = (logits + 1) / 5  # as margins of other classifiers
    mapped, loss_of_squeezed = fit_calibration(squeezed, targets)
    assert loss_of_squeezed == pytest.approx(loss, abs=0.01)
    np.testing.assert_allclose(mapped(squeezed), honest(logits), atol=0.05)


def test_margins_that_crowd_at_one_get_a_slope_of_their_own():
    rng = np.random.default_rng(0)
    logits = rng.normal(-1, 2, size=(4000, 10))
    targets = (rng.random(logits.shape) < expit(logits)).astype(np.int8)
    bent = np.where(logits < 0, logits, 4 * logits)
    calibration, loss = fit_calibration(bent, targets)
    assert calibration.slope_below == pytest.approx(1, abs=0.1)
    assert calibration.slope_above == pytest.approx(0.25, abs=0.05)
    assert loss == pytest.approx(log_loss(targets, expit(logits)), abs=1e-3)


def test_margins_that_tell_nothing_give_the_frequency_and_never_the_wrong_way_round():
    rng = np.random.default_rng(0)
    targets = (rng.random((3000, 4)) < 0.2).astype(np.int8)
    for margins in (rng.normal(size=targets.shape), 1.0 - 2.0 * targets):
        calibration, _ = fit_calibration(margins, targets)
        assert min(calibration.slope_below, calibration.slope_above) >= 0
        assert (np.diff(calibration(np.sort(margins, axis=0)), axis=0) >= 0).all()
        assert calibration(margins).mean() == pytest.approx(0.2, abs=0.02)


def test_a_stored_calibration_is_the_same():
    calibration = Sigmoids(1.5, 0.5, -0.25)
    arrays = {name: np.array(number) for name, number in calibration.numbers.items()}
    assert calibration_of({"weights": np.zeros(1), **arrays}) == calibration


# ---- logistic regressions


@pytest.mark.parametrize("C", [0.01, 1.0])
def test_all_regressions_at_once_are_those_of_scikit_learn_one_by_one(C, monkeypatch):
    features, targets = draw(600, 1)
    monkeypatch.setattr(regression, "BLOCK", 1000)  # several blocks
    found = SeveralLogisticRegression(C, tol=1e-9, max_iter=1000).fit(features, targets)
    for label in range(targets.shape[1]):
        alone = LogisticRegression(C=C, tol=1e-8, max_iter=1000).fit(features, targets[:, label])
        np.testing.assert_allclose(
            found.decision_function(features)[:, label], alone.decision_function(features), atol=0.02
        )


def test_a_label_of_all_products_and_one_of_none_are_fitted_too():
    features, targets = draw(300, 1)
    targets[:, 2], targets[:, 4] = 1, 0
    for classifier in (SeveralLogisticRegression(1.0, 1e-5, 1000), SeveralSVM(1.0, 0)):
        margins = classifier.fit(features, targets).decision_function(features)
        assert (margins[:, 2] > 0.9).all()
        assert (margins[:, 4] < -0.9).all()
        assert np.isfinite(margins).all()


# ---- probes


def test_probabilities_of_labels_are_calibrated_and_as_good_on_new_products_as_out_of_fold():
    model, facts = fit(*draw(3000, 1))
    features, targets = draw(3000, 2)
    probs = model.predict_proba(features)
    assert (probs.dtype, probs.shape) == (np.float32, targets.shape)
    np.testing.assert_allclose(probs.mean(axis=0), targets.mean(axis=0), atol=0.03)
    loss = log_loss(targets, probs.astype(np.float64))
    assert facts["oof_log_loss"] == pytest.approx(loss, abs=0.02)
    assert loss < 0.7 * log_loss(targets, np.broadcast_to(targets.mean(axis=0), targets.shape))


def test_c_is_the_candidate_with_the_lowest_log_loss_over_products_and_labels():
    features, targets = draw(300, 1)
    losses = {C: fit(features, targets, regularisation=(C,))[1]["oof_log_loss"] for C in (1e-5, 0.1, 1000.0)}
    _, facts = fit(features, targets, regularisation=(1000.0, 0.1, 1e-5))
    assert facts["C"] == min(losses, key=losses.get) == 0.1
    assert facts["oof_log_loss"] == losses[0.1]


def test_a_saved_probe_predicts_the_same(tmp_path):
    features, targets = draw(200, 1)
    model, _ = fit(features, targets)
    model.save(tmp_path / "model.safetensors")
    loaded = ProbeClassifier.load(tmp_path / "model.safetensors")
    assert np.array_equal(loaded.predict_proba(features), model.predict_proba(features))
    np.testing.assert_allclose(loaded.frequencies, targets.mean(axis=0), rtol=1e-6)


def test_labels_that_no_other_fold_knows_do_not_spoil_the_others():
    """Classifiers that never saw the label predict its one product; the calibration must not learn from that."""
    features, targets = draw(400, 1)
    single = np.vstack([np.eye(30, dtype=np.int8), np.zeros((370, 30), np.int8)])
    model, _ = fit(features, np.hstack([targets, single]), regularisation=(0.1,))
    without, _ = fit(features, targets, regularisation=(0.1,))
    assert model.calibration.slope_below == pytest.approx(without.calibration.slope_below, rel=0.2)


def test_near_duplicates_are_kept_in_one_inner_fold():
    """Copies with noise labels: only if they are parted, cross-validation believes that it knows them."""
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(150, 200)).astype(np.float32), rng.integers(2, size=(150, 3)).astype(np.int8)
    twice = np.repeat(features, 2, axis=0), np.repeat(targets, 2, axis=0)
    apart = fit(*twice, regularisation=(1.0,))[1]["oof_log_loss"]
    together = fit(*twice, np.repeat(np.arange(150), 2), regularisation=(1.0,))[1]["oof_log_loss"]
    assert together > apart + 0.2


# ---- TF-IDF


def write(n: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Return texts with a word or two of each of their labels, among others, and their (n, 4) labels."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((n, 4)) < [0.6, 0.4, 0.2, 0.1]).astype(np.int8)
    targets[targets.sum(axis=1) == 0, 0] = 1
    words = [[f"wort{label}{number}" for number in range(10)] for label in range(5)]
    texts = [
        " ".join(rng.choice(words[label]) for label in [*np.flatnonzero(row), 4, 4] if rng.random() < 0.9)
        for row in targets
    ]
    return texts, targets


def test_tfidf_finds_all_labels_and_how_sure_it_is_and_is_stored(tmp_path):
    expert = TfidfExpert(kind="tfidf", regularisation=(0.3, 1.0))
    texts, targets = write(600, 0)
    model = TfidfClassifier(expert).fit(texts, targets)
    new, expected = write(400, 1)
    probs = model.predict_proba(new)
    assert ((probs >= 0.5) == expected).mean() > 0.9
    np.testing.assert_allclose(probs.mean(axis=0), expected.mean(axis=0), atol=0.05)
    assert model.facts["oof_log_loss"] == pytest.approx(log_loss(expected, probs.astype(np.float64)), abs=0.05)
    model.save(tmp_path)
    assert np.array_equal(TfidfClassifier.load(tmp_path, expert).predict_proba(new), probs)


def test_margins_are_turned_into_logits_by_pieces():
    calibration = Sigmoids(slope_below=2.0, slope_above=0.5, offset=1.0)
    found = logit(calibration(np.array([[-1.0, 0.0, 2.0]])).astype(np.float64))
    np.testing.assert_allclose(found, [[-1, 1, 2]], atol=1e-5)

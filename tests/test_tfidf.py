"""The tfidf expert: reads both fields, chooses its regularisation, gives probabilities that mean what they say."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse

from latefusion.config import TfidfExpert
from latefusion.experts import tfidf
from latefusion.experts.tfidf import TfidfClassifier, texts

EXPERT = TfidfExpert(kind="tfidf", cv_products=400)


@pytest.fixture(scope="module")
def noisy():
    """Three classes told apart by their words; three in ten labels are drawn at random."""
    rng = np.random.default_rng(0)
    words = np.array([f"mot{number}" for number in range(60)])
    targets = rng.integers(3, size=900)
    written = [" ".join(rng.choice(words[20 * target : 20 * target + 20], 6)) for target in targets]
    wrong = rng.random(900) < 0.3
    targets[wrong] = rng.integers(3, size=wrong.sum())
    return written, targets


def test_title_and_description_are_read_and_cleaned():
    products = pd.DataFrame({"title": ["Lampe <b>rouge</b>", "NA"], "description": ["l&#39;&eacute;t&eacute;", None]})
    assert texts(products, EXPERT) == ["Lampe rouge l'été", "NA"]


def test_classes_are_found_by_words_in_either_field():
    products = pd.DataFrame(
        {
            "title": ["lampe rouge", "objet", "livre vert", "objet"] * 10,
            "description": [None, "lampe rouge", None, "livre vert"] * 10,
        }
    )
    targets = np.array([0, 0, 1, 1] * 10)
    probs = TfidfClassifier(EXPERT).fit(texts(products, EXPERT), targets).predict_proba(texts(products, EXPERT))
    assert (probs.argmax(axis=1) == targets).all()


def test_probabilities_are_calibrated(noisy):
    """With three labels in ten drawn at random, an honest classifier is 80 % sure at most, and right as often."""
    written, targets = noisy
    probs = TfidfClassifier(EXPERT).fit(written[:600], targets[:600]).predict_proba(written[600:])
    assert probs.dtype == np.float32
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
    right = (probs.argmax(axis=1) == targets[600:]).mean()
    assert probs.max(axis=1).mean() == pytest.approx(right, abs=0.06)


def test_regularisation_is_chosen_by_cross_validation(noisy):
    written, targets = noisy

    def fit(*candidates: float) -> dict:
        expert = EXPERT.model_copy(update={"regularisation": candidates})
        return TfidfClassifier(expert).fit(written, targets).facts

    losses = {C: fit(C)["oof_log_loss"] for C in (0.0001, 0.01, 100.0)}
    chosen = fit(100.0, 0.01, 0.0001)  # neither the first nor the last is the best
    assert chosen["C"] == min(losses, key=losses.get) == 0.01
    assert chosen["oof_log_loss"] == pytest.approx(losses[chosen["C"]])


def test_a_second_fit_gives_the_same_probabilities(noisy):
    written, targets = noisy
    first, second = (TfidfClassifier(EXPERT).fit(written, targets).predict_proba(written) for _ in range(2))
    assert np.array_equal(first, second)


def test_features_stay_sparse(noisy, monkeypatch):
    written, targets = noisy
    seen = []
    fit = tfidf.LinearSVC.fit
    monkeypatch.setattr(tfidf.LinearSVC, "fit", lambda svm, X, y: seen.append(X) or fit(svm, X, y))
    TfidfClassifier(EXPERT).fit(written, targets)
    assert all(issparse(features) and features.dtype == np.float32 for features in seen)


@pytest.mark.parametrize("rare", [1, 2])
@pytest.mark.parametrize("num_classes", [2, 3])
def test_classes_of_few_products_get_probabilities_too(rare, num_classes):
    written = ["lampe rouge salon"] * 20 + ["livre vert poche"] * 20 * (num_classes - 2) + ["velo bleu"] * rare
    targets = np.repeat(np.arange(num_classes), [20, *[20] * (num_classes - 2), rare])
    probs = TfidfClassifier(EXPERT).fit(written, targets).predict_proba(written)
    assert probs.shape == (len(written), num_classes)
    assert np.isfinite(probs).all()


def test_a_text_without_known_words_gets_probabilities(noisy):
    probs = TfidfClassifier(EXPERT).fit(*noisy).predict_proba(["", "zzz"])
    assert np.isfinite(probs).all()
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)

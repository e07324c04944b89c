"""Decisions and scores of products with several labels are those of scikit-learn; probabilities lose their weight q."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from latefusion.metrics.calibration import as_logits, fit_temperature, temper
from latefusion.metrics.decisions import FIRST, decide, first_labels, is_known, is_right
from latefusion.metrics.f1 import count, score
from latefusion.scores.intervals import bootstrap
from latefusion.training.objective import ONE_LABEL, SeveralLabels, outputs


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def draw(rng, n: int = 300, num_classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and probabilities that are not independent of them."""
    targets = (rng.random((n, num_classes)) < 0.3).astype(np.int8)
    return targets, np.clip(0.5 * targets + rng.random((n, num_classes)) * 0.6, 0, 1).astype(np.float32)


def test_a_product_gets_the_label_of_highest_probability_and_all_above_the_threshold():
    probs = np.array([[0.2, 0.4, 0.1], [0.9, 0.6, 0.1], [0.5, 0.1, 0.7]])
    preds = decide(probs, several=True)
    assert preds.tolist() == [[0, FIRST, 0], [FIRST, 1, 0], [1, 0, FIRST]]
    assert first_labels(preds).tolist() == [1, 0, 2]
    assert decide(probs, several=True, thresholds=np.array([0.95, 0.3, 0.3])).tolist() == [
        [0, FIRST, 0],
        [FIRST, 1, 0],
        [0, 0, FIRST],
    ]
    assert decide(probs, several=False).tolist() == [1, 0, 2]


def test_scores_are_scikit_learns_and_unknown_labels_do_not_count(rng):
    targets, probs = draw(rng)
    preds = decide(probs, several=True)
    for average in ("micro", "macro", "weighted"):
        expected = f1_score(targets, preds > 0, average=average, zero_division=0)
        assert score(f"{average}_f1", targets, preds) == pytest.approx(expected)
    first = targets[np.arange(len(targets)), probs.argmax(axis=1)]
    assert score("accuracy", targets, preds) == pytest.approx(first.mean())
    assert is_right(targets, preds).tolist() == first.astype(bool).tolist()
    hidden = targets.copy()
    hidden[::3] = -1
    kept = is_known(hidden)
    for metric in ("micro_f1", "macro_f1", "accuracy"):
        assert score(metric, hidden, preds) == score(metric, targets[kept], preds[kept])


def test_scores_of_the_other_groups_are_those_without_the_group(rng):
    targets, probs = draw(rng)
    preds, groups = decide(probs, several=True), rng.integers(3, size=len(targets))
    others = count(targets, preds, 6, groups, 3).of_others()
    for metric in ("micro_f1", "macro_f1", "weighted_f1", "accuracy"):
        for group in range(3):
            rest = groups != group
            assert others.score(metric)[group] == pytest.approx(score(metric, targets[rest], preds[rest]))


def test_bootstrap_draws_are_scores_of_resampled_products(rng):
    targets, probs = draw(rng)
    preds = decide(probs, several=True)
    draws = bootstrap(targets, preds[None], 6)
    for metric, found in draws.items():
        rows = [rng.integers(len(targets), size=len(targets)) for _ in range(200)]
        resampled = [score(metric, targets[one], preds[one]) for one in rows]
        assert found[0].mean() == pytest.approx(np.mean(resampled), abs=0.006)
        assert found[0].std() == pytest.approx(np.std(resampled), rel=0.2)


def test_temperature_undoes_overconfidence_of_each_label(rng):
    logits = (2 * rng.normal(size=(4000, 5))).clip(-5, 5)  # probabilities nearer to 0 and 1 are clipped
    targets = (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.int8)
    temperature, _ = fit_temperature(3 * logits, targets)
    assert temperature == pytest.approx(3, rel=0.1)
    probs = 1 / (1 + np.exp(-3 * logits))
    assert np.allclose(temper(probs, 3.0, several=True), 1 / (1 + np.exp(-logits)), atol=1e-5)
    assert np.isfinite(as_logits(np.array([[0.0, 1.0]]), several=True)).all()


def test_the_weighted_loss_is_the_papers(rng):
    """-q z log(sigmoid(x)) - (1 - z) log(1 - sigmoid(x)), also where a sigmoid rounds to 0 or 1."""
    q = 30.0
    x = np.concatenate([rng.normal(size=(50, 7)) * 5, np.full((2, 7), 100.0), np.full((2, 7), -100.0)])
    z = (rng.random(x.shape) < 0.4).astype(np.int8)
    log_sigmoid = -np.logaddexp(0, -x)  # float64
    expected = (-q * z * log_sigmoid - (1 - z) * (log_sigmoid - x)).mean()
    loss = SeveralLabels(q).loss(torch.from_numpy(x).float(), torch.from_numpy(z))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_the_gradient_of_a_product_falls_with_the_number_of_classes():
    """Why configs/walmart.yaml does not use SGD at a usual rate: docs/recipe.md has these numbers."""
    norms = {}
    for name, objective, labels in [
        ("sigmoids", SeveralLabels(30), torch.zeros(1, 2890).index_fill_(1, torch.arange(3), 1)),
        ("softmax", ONE_LABEL, torch.zeros(1, dtype=torch.long)),
    ]:
        logits = torch.zeros(1, 2890, requires_grad=True)
        objective.loss(logits, labels).backward()
        norms[name] = logits.grad.norm().item()
    assert norms["sigmoids"] == pytest.approx(math.sqrt(2887 / 4 + 3 * 15**2) / 2890, rel=1e-4)
    assert norms["sigmoids"] == pytest.approx(0.0129, abs=5e-5)
    assert norms["softmax"] == pytest.approx(1, abs=5e-3)


def test_probabilities_are_calibrated_whatever_the_weight():
    """The logit of least weighted loss for a label that 30 % of products have gives the probability 0.3."""
    for q in (1.0, 5.0, 30.0):
        logit = torch.tensor([[math.log(q * 0.3 / 0.7)]], dtype=torch.float64, requires_grad=True)
        objective, labels = SeveralLabels(q), torch.tensor([[1]] * 3 + [[0]] * 7)
        objective.loss(logit.expand(10, 1), labels).backward()
        assert logit.grad.abs().item() < 1e-6
        assert objective.probs(logit).item() == pytest.approx(0.3, abs=1e-6)


def test_a_network_returns_a_loss_with_labels_and_probabilities_without():
    logits = torch.tensor([[2.0, 1.0, -1.0]])
    assert outputs(ONE_LABEL, logits)["probs"].sum().item() == pytest.approx(1)
    assert outputs(SeveralLabels(), logits)["probs"].sum().item() > 1.2
    assert set(outputs(ONE_LABEL, logits, torch.tensor([0]))) == {"logits", "loss"}

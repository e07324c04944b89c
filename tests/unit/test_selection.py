"""No product's label moves its own row, whatever epochs are chosen; counts give the scores that scikit-learn gives."""

import numpy as np
import pytest
from helpers.policies import chance_epochs
from sklearn.metrics import accuracy_score, f1_score

from latefusion.dataset.split import assign_folds
from latefusion.metrics.f1 import count, macro_f1
from latefusion.metrics.selection import CrossSelection, LastEpoch


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_each_fold_uses_the_epoch_that_is_best_on_the_others(rng):
    targets, epochs = chance_epochs(rng, epochs=10)
    folds = assign_folds(targets, 4, 0)
    selection = CrossSelection(targets, folds, 5)
    for probs in epochs:
        selection.add(probs)
    for fold in range(4):
        others = folds != fold
        best = max(epochs, key=lambda probs: macro_f1(targets[others], probs[others].argmax(axis=1)))
        assert np.array_equal(selection.probs[folds == fold], best[folds == fold])


@pytest.mark.parametrize("unknown", [0.0, 0.3])
def test_no_label_moves_its_own_row(rng, unknown):
    """Not by a bit, though it moves rows of other folds."""
    targets, epochs = chance_epochs(rng, n=80, epochs=30)
    targets[rng.random(80) < unknown] = -1
    folds = assign_folds(targets, 8, 0)

    def selected(labels: np.ndarray) -> np.ndarray:
        selection = CrossSelection(labels, folds, 5)
        for probs in epochs:
            selection.add(probs)
        return selection.probs

    before, others_moved = selected(targets), False
    for product in np.flatnonzero(targets >= 0):
        changed = targets.copy()
        changed[product] = (changed[product] + 1) % 5
        after = selected(changed)
        own = folds == folds[product]
        assert np.array_equal(before[own], after[own])
        others_moved |= not np.array_equal(before, after)
    assert others_moved


def test_products_whose_label_does_not_count_get_probabilities_and_choose_no_epoch(rng):
    targets, epochs = chance_epochs(rng, epochs=3)
    folds = assign_folds(targets, 4, 0)
    known = np.where(np.arange(len(targets)) % 3 == 0, -1, targets)
    first, second = CrossSelection(known, folds, 5), CrossSelection(known.copy(), folds, 5)
    for probs in epochs:
        changed = np.where((known == -1)[:, None], probs[:, ::-1], probs)
        first.add(probs)
        second.add(changed)
    assert np.array_equal(first.scores, second.scores)
    assert np.isclose(first.probs.sum(axis=1), 1).all()


def test_a_selection_survives_being_saved(rng, tmp_path):
    targets, epochs = chance_epochs(rng, epochs=4)
    folds = assign_folds(targets, 4, 0)
    whole, cut, continued = (CrossSelection(targets, folds, 5) for _ in range(3))
    for probs in epochs:
        whole.add(probs)
    for probs in epochs[:2]:
        cut.add(probs)
    cut.save(tmp_path / "selection.npz")
    continued.load(tmp_path / "selection.npz")
    for probs in epochs[2:]:
        continued.add(probs)
    assert np.array_equal(continued.probs, whole.probs)


def test_the_last_epoch_depends_on_no_label_and_survives_being_saved(rng, tmp_path):
    targets, epochs = chance_epochs(rng, epochs=3)
    whole, cut, continued = (LastEpoch(labels, 5) for labels in (targets, rng.permutation(targets), targets))
    for probs in epochs:
        whole.add(probs)
    for selection, shown in ((cut, epochs[:2]), (continued, epochs[2:])):
        if selection is continued:
            cut.save(tmp_path / "selection.npz")
            continued.load(tmp_path / "selection.npz")
            assert np.array_equal(continued.probs, epochs[1])
        for probs in shown:
            selection.add(probs)
    assert np.array_equal(whole.probs, epochs[2])
    assert np.array_equal(continued.probs, epochs[2])


def test_scores_of_counts_are_scikit_learns(rng):
    """Also where classes have no labels, no predictions, or neither."""
    for _ in range(20):
        targets, preds = rng.integers(0, 6, 30), rng.integers(2, 9, 30)
        groups = rng.integers(0, 3, 30)
        counts = count(targets, preds, 12, groups, 3)
        for group in range(3):
            own = targets[groups == group], preds[groups == group]
            for average in ("macro", "weighted"):
                expected = f1_score(*own, average=average, zero_division=0)
                assert counts.score(f"{average}_f1")[group] == pytest.approx(expected)
            assert counts.score("accuracy")[group] == pytest.approx(accuracy_score(*own))

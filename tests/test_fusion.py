"""Policies and votes: the right label wins, ties are broken as said, folds keep to themselves."""

import numpy as np
import pytest

from latefusion.config import Policy
from latefusion.fusion.policy_net import fit_policy
from latefusion.fusion.vote import majority_vote
from latefusion.split import assign_folds


def one_hot(preds, num_classes=3):
    return np.eye(num_classes)[np.asarray(preds)]


def two_experts(rng, n=600, num_classes=4):
    """Two experts, each blind to a different half of the classes: only together do they know all."""
    targets = rng.integers(num_classes, size=n)
    tables = []
    for known in ((0, 1), (2, 3)):
        seen = np.where(np.isin(targets, known), targets, (known[0] + 2) % num_classes)
        probs = 0.6 * one_hot(seen, num_classes) + 0.4 * rng.dirichlet(np.ones(num_classes), n)
        tables.append(probs)
    return np.concatenate(tables, axis=1), targets


def test_the_majority_wins_whatever_the_probabilities():
    preds = np.array([[0], [0], [1]])
    probs = np.array([[[0.4, 0.3, 0.3]], [[0.4, 0.3, 0.3]], [[0.0, 1.0, 0.0]]])
    assert majority_vote(preds, probs) == [0]


def test_ties_go_to_the_highest_summed_probability_then_to_the_lowest_code():
    preds = np.array([[2, 2], [1, 1]])
    probs = np.array([[[0.0, 0.4, 0.6], [0.0, 0.5, 0.5]], [[0.0, 0.7, 0.3], [0.0, 0.5, 0.5]]])
    assert majority_vote(preds, probs).tolist() == [1, 1]


def test_a_label_without_a_vote_never_wins():
    preds = np.array([[0], [2]])
    probs = np.array([[[0.1, 0.9, 0.0]], [[0.0, 0.9, 0.1]]])
    assert majority_vote(preds, probs)[0] in (0, 2)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_policy_learns_whom_to_trust(layers):
    inputs, targets = two_experts(np.random.default_rng(0))
    policy = Policy(experts=("a", "b"), layers=layers, n_folds=4, batch_size=32)
    fitted = fit_policy(inputs, targets, assign_folds(targets, 4, 0), 4, policy)
    alone = max((inputs[:, :4].argmax(1) == targets).mean(), (inputs[:, 4:].argmax(1) == targets).mean())
    assert (fitted.oof_probs.argmax(axis=1) == targets).mean() > alone + 0.15


def test_out_of_fold_probabilities_come_from_the_network_that_did_not_train_on_them():
    inputs, targets = two_experts(np.random.default_rng(1), n=80)
    folds = assign_folds(targets, 4, 0)
    policy = Policy(experts=("a", "b"), n_folds=4, epochs=3, batch_size=16)
    fitted = fit_policy(inputs, targets, folds, 4, policy)
    by_fold = fitted.fold_probs(inputs)
    for fold in range(4):
        assert np.allclose(fitted.oof_probs[folds == fold], by_fold[fold, folds == fold], atol=1e-6)


def test_folds_trained_side_by_side_do_not_touch_each_other():
    inputs, targets = two_experts(np.random.default_rng(2), n=81)
    folds = assign_folds(targets, 3, 0)
    policy = Policy(experts=("a", "b"), n_folds=3, epochs=1, batch_size=16)  # one epoch: no checkpoint to choose
    changed = np.where(folds == 0, (targets + 1) % 4, targets)  # the first network never trains on these
    before, after = (fit_policy(inputs, labels, folds, 4, policy).fold_probs(inputs) for labels in (targets, changed))
    assert np.array_equal(before[0], after[0])
    assert not np.allclose(before[1], after[1])


def test_a_fold_with_fewer_products_pads_without_learning_from_the_padding():
    inputs, targets = two_experts(np.random.default_rng(3), n=50)
    folds = np.where(np.arange(50) < 30, 0, 1)  # 20 and 30 products to train on
    policy = Policy(experts=("a", "b"), n_folds=2, epochs=1, batch_size=64)
    poisoned = targets.copy()
    before = fit_policy(inputs, targets, folds, 4, policy).fold_probs(inputs)
    poisoned[0] = (poisoned[0] + 1) % 4  # row 0 is what the shorter fold is padded with, and it leaves row 0 out
    after = fit_policy(inputs, poisoned, folds, 4, policy).fold_probs(inputs)
    assert np.array_equal(before[0], after[0])

"""Policies and votes on products with several labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.configs import tiny_config
from helpers.policies import LEARNERS, LOGISTIC, NETWORK, RULES, guesses_of_several
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression, Ridge
from torch import nn

from latefusion.config import Experiment, LogisticPolicy, NetworkPolicy, RidgePolicy
from latefusion.fusion.classifiers import Logistic
from latefusion.fusion.classifiers import Ridge as OurRidge
from latefusion.fusion.inputs import FusionInputs
from latefusion.fusion.networks import StackedPolicy, fit_networks, group_into_stacks
from latefusion.fusion.rules import combine, greedy_weights, log_loss_weights
from latefusion.fusion.training import fit_alone as fit
from latefusion.fusion.training import load_policy, save_policy
from latefusion.fusion.vote import combine as combine_votes
from latefusion.fusion.vote import majority_vote
from latefusion.metrics.decisions import FIRST, decide
from latefusion.metrics.f1 import score
from latefusion.utils.seeds import derive_seed

POLICIES = {name: policy for name, policy in (LEARNERS | RULES).items() if policy.kind != "boosting"}
SEVERAL = {"catalogue": tiny_config()["catalogue"] | {"labels": "several", "format": "table", "products": "p.csv"}}


def two_experts(rng, policy, n=500, num_classes=4) -> FusionInputs:
    """Two experts, each of which sees the labels of a different half of the classes."""
    inputs = guesses_of_several(rng, policy, n, num_classes)
    half = np.arange(num_classes) < num_classes // 2
    tables = tuple(
        np.where(seen, 0.2 + 0.6 * inputs.targets, 0.35) + 0.2 * (rng.random((n, num_classes)) - 0.5)
        for seen in (half, ~half)
    )
    return replace(inputs, tables=tuple(table.astype(np.float32) for table in tables))


def fewer_epochs(name: str, calibrate: bool = False):
    policy = POLICIES[name].model_copy(update={"calibrate": calibrate})
    return policy.model_copy(update={"epochs": 5}) if policy.kind in ("network", "select") else policy


def test_a_label_needs_more_than_half_of_the_votes_and_half_of_them_if_it_is_probable():
    preds = np.array([[[2, 1, 0, 1]], [[2, 0, 1, 1]], [[1, 0, 2, 1]], [[1, 0, 2, 0]]], dtype=np.int8)
    mean = np.array([[0.7, 0.9, 0.4, 0.1]])
    voted = majority_vote(preds, 4 * mean)
    # class 0: all; class 1: one of four; class 2: three; class 3: three. First: 0 and 2 twice each, 0 is more probable.
    assert voted.tolist() == [[FIRST, 0, 1, 1]]
    half = majority_vote(preds[:2], 2 * np.array([[0.7, 0.5, 0.4, 0.1]]))
    assert half.tolist() == [[FIRST, 1, 0, 1]]


def test_the_first_of_a_vote_is_assigned_even_without_a_majority():
    preds = np.eye(3, dtype=np.int8)[:, None] * FIRST
    assert majority_vote(preds, np.array([[0.3, 0.9, 0.6]])).tolist() == [[0, FIRST, 0]]


def test_a_soft_vote_assigns_by_the_mean_probabilities():
    preds = np.array([[[2, 1]], [[2, 0]]], dtype=np.int8)
    decided, mean = combine_votes(preds, np.array([[0.8, 1.2]]), soft=True)
    assert decided.tolist() == [[0, FIRST]]
    assert np.allclose(mean, [[0.4, 0.6]])


@pytest.mark.parametrize("kind", RULES)
def test_a_rule_treats_each_class_as_a_decision_of_its_own(kind):
    a, b = np.array([[0.9, 0.3, 0.1]]), np.array([[0.6, 0.5, 0.0]])
    weighted = expit(0.75 * logit(a) + 0.25 * logit(np.clip(b, 1e-7, 1)))
    expected = {
        "mean": (a + b) / 2,
        "weighted_mean": 0.75 * a + 0.25 * b,
        "max": np.maximum(a, b),
        "product": a * b / (a * b + (1 - a) * (1 - b)),
        "weighted_product": weighted,
    }
    weights = np.array([0.75, 0.25]) if kind.startswith("weighted") else np.array([0.5, 0.5])
    assert np.allclose(combine(kind, [a, b], weights, several=True), expected[kind], atol=1e-6)


def test_weights_go_to_the_better_expert_by_the_chosen_metric_and_by_the_log_loss():
    rng = np.random.default_rng(0)
    targets = guesses_of_several(rng, NETWORK).targets
    knows = 0.3 + 0.4 * targets + 0.25 * (rng.random(targets.shape) - 0.5)
    guessing = rng.random(targets.shape)
    assert greedy_weights([guessing, knows], targets, "micro_f1")[1] > 0.6
    exponents = log_loss_weights([guessing, knows], targets)
    assert exponents[0] < 0.1 < 1 < exponents[1]


def test_the_exponents_are_those_of_a_logistic_regression_over_products_and_classes():
    rng = np.random.default_rng(1)
    inputs = guesses_of_several(rng, NETWORK)
    truth = expit(0.7 * logit(inputs.tables[0]) + 0.4 * logit(inputs.tables[1]))
    targets = (rng.random(truth.shape) < truth).astype(np.int8)
    logits = np.column_stack([logit(table.astype(np.float64)).ravel() for table in inputs.tables])
    theirs = LogisticRegression(C=np.inf, fit_intercept=False).fit(logits, targets.ravel()).coef_[0]
    assert np.allclose(log_loss_weights(list(inputs.tables), targets), theirs, atol=2e-3)


@pytest.mark.parametrize("name", [name for name in LEARNERS if name not in ("boosting", "select", "on_demand")])
def test_a_learner_learns_from_both_experts(name):
    """`select` and `on_demand` decide with the probabilities of one or the other."""
    inputs = two_experts(np.random.default_rng(0), POLICIES[name])
    alone = max(score("micro_f1", inputs.targets, decide(table, several=True)) for table in inputs.tables)
    fitted = fit(inputs)
    assert score("micro_f1", inputs.targets, decide(fitted.oof_probs, several=True)) > alone + 0.15
    new = two_experts(np.random.default_rng(1), POLICIES[name])
    preds, probs = fitted.decide(new.tables)
    assert np.array_equal(preds, decide(probs, several=True))
    assert score("micro_f1", new.targets, preds) > alone + 0.15


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("calibrate", [False, True])
def test_no_label_of_a_fold_moves_a_row_of_it(name, calibrate):
    def out_of_fold(one: FusionInputs) -> np.ndarray:
        fitted = fit(one)
        return np.column_stack([fitted.oof_probs, *([fitted.oof_asked.ask] if hasattr(fitted, "oof_asked") else [])])

    inputs = guesses_of_several(np.random.default_rng(2), fewer_epochs(name, calibrate), n=122)
    unknown = np.random.default_rng(3).random(122) < 0.1
    inputs = replace(inputs, targets=np.where(unknown[:, None], -1, inputs.targets))
    own = (inputs.folds == 1) & ~unknown
    changed = replace(inputs, targets=np.where(own[:, None], 1 - inputs.targets, inputs.targets))
    before, after = out_of_fold(inputs), out_of_fold(changed)
    assert np.array_equal(before[inputs.folds == 1], after[inputs.folds == 1])
    learns = name in [*LEARNERS, "weighted_product"] or (calibrate and name != "weighted_mean")
    if name != "weighted_mean":  # its weights may be the same
        assert np.array_equal(before, after) != learns


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_that_is_read_again_decides_the_same_to_the_last_bit(tmp_path, name):
    policy = fewer_epochs(name, calibrate=name != "on_demand")
    fitted = fit(guesses_of_several(np.random.default_rng(0), policy, n=200))
    save_policy(fitted, tmp_path / name)
    new = guesses_of_several(np.random.default_rng(1), policy, n=50).tables
    expected, found = fitted.decide(new), load_policy(policy, 5, tmp_path / name, several=True).decide(new)
    assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))
    assert expected[0].shape == expected[1].shape == (50, 5)
    assert 0 <= expected[1].min() <= expected[1].max() <= 1


@pytest.mark.parametrize("name", POLICIES)
def test_labels_that_all_or_no_products_have_are_no_obstacle(name):
    inputs = guesses_of_several(np.random.default_rng(4), fewer_epochs(name), n=80)
    targets = inputs.targets.copy()
    targets[:, 0], targets[:, 1] = 0, 1
    certain = tuple((table > 0.5).astype(np.float32) for table in inputs.tables)
    fitted = fit(replace(inputs, targets=targets, tables=certain))
    for probs in (fitted.oof_probs, fitted.decide(certain)[1]):
        assert np.isfinite(probs).all()
        assert 0 <= probs.min() <= probs.max() <= 1


def test_regressions_predict_what_scikit_learn_predicts():
    rng = np.random.default_rng(5)
    targets = (rng.random((300, 4)) < 0.4).astype(np.int8)
    features = (rng.random((300, 6)) + targets @ rng.normal(size=(4, 6))).astype(np.float32)
    policy = LogisticPolicy(kind="logistic", experts=("a",))
    ours = Logistic.fit(policy, features, targets).predict_proba(features)
    for column in range(4):
        theirs = LogisticRegression(C=policy.C, max_iter=2000).fit(features, targets[:, column])
        assert np.allclose(ours[:, column], theirs.predict_proba(features)[:, 1], atol=1e-6)
    linear = Ridge(alpha=3.0).fit(features, targets).predict(features)
    ridge = RidgePolicy(kind="ridge", experts=("a",), alpha=3.0)
    assert np.allclose(OurRidge.fit(ridge, features, targets).predict_proba(features), linear.clip(0, 1), atol=1e-4)


def test_ridge_of_one_label_is_clipped_and_normalised():
    rng = np.random.default_rng(6)
    targets = rng.integers(3, size=200) + 2
    features = rng.normal(size=(200, 5)) + 2 * (targets % 2)[:, None]
    ours = OurRidge.fit(RidgePolicy(kind="ridge", experts=("a",)), features, targets)
    clipped = Ridge(alpha=1.0).fit(features, np.eye(3)[targets - 2]).predict(features).clip(0, 1)
    assert (clipped == 0).any()
    assert np.allclose(ours.predict_proba(features), clipped / clipped.sum(axis=1, keepdims=True))
    assert ours.classes.tolist() == [2, 3, 4]


TRI_MODAL = NetworkPolicy(
    experts=("a", "b"), n_folds=4, batch_size=32, epochs=3, hidden=(7, 5), activations=("sigmoid", "tanh"),
    positive_weight=3.0,
)  # fmt: skip


@pytest.mark.parametrize("policy", [TRI_MODAL, TRI_MODAL.model_copy(update={"positive_weight": 1.0})])
def test_stacked_networks_with_sigmoid_outputs_end_as_each_alone(policy):
    """Two policies of other seeds, against plain torch modules, on the weighted loss of Zahavy et al."""
    first = two_experts(np.random.default_rng(7), policy, n=102)
    second = replace(first, policy=policy.model_copy(update={"seed": 7}))
    assert group_into_stacks({"first": first, "second": second}) == [["first", "second"]]
    for inputs, fitted in zip([first, second], fit_networks([first, second]), strict=True):
        for fold in (0, 3):
            assert np.allclose(fitted.oof_probs[inputs.folds == fold], train_alone(inputs, fold), atol=1e-5)


def train_alone(inputs: FusionInputs[NetworkPolicy], fold: int) -> np.ndarray:
    """Train one fold's network the plain way; return the held-out probabilities of the last epoch."""
    policy, features = inputs.policy, torch.from_numpy(inputs.features(fold))
    start = StackedPolicy([8, 7, 5, 4], [derive_seed(policy.seed, "init", fold)], ["sigmoid", "tanh"])
    module = nn.Sequential(nn.Linear(8, 7), nn.Sigmoid(), nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 4))
    with torch.no_grad():
        for linear, weight, bias in zip(module[::2], start.weights, start.biases, strict=True):
            linear.weight.copy_(weight[0].T)
            linear.bias.copy_(bias[0, 0])
    optimizer = torch.optim.Adam(module.parameters(), lr=policy.lr)
    q, targets, rows = policy.positive_weight, torch.from_numpy(inputs.targets).float(), inputs.fit_rows(fold)
    n_batches = -(-max(len(inputs.fit_rows(one)) for one in range(4)) // policy.batch_size)
    for epoch in range(policy.epochs):
        rng = np.random.default_rng(derive_seed(policy.seed, "order", fold, epoch))
        for batch in np.array_split(rng.permutation(rows), n_batches):
            x, z = module(features[batch]), targets[batch]
            loss = ((1 - z) * x + (1 + (q - 1) * z) * (1 + (-x).exp()).log()).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return (module(features)[inputs.folds == fold] - np.log(q)).sigmoid().numpy()


def test_networks_are_stacked_by_shape_activation_and_weight():
    changes = {
        "same": {"seed": 1},
        "weight": {"positive_weight": 1.0},
        "activation": {"activations": ("tanh", "tanh")},
        "shape": {"hidden": (7, 6)},
    }
    policies = {"a": TRI_MODAL} | {name: TRI_MODAL.model_copy(update=change) for name, change in changes.items()}
    rng = np.random.default_rng(0)
    groups = group_into_stacks({name: two_experts(rng, policy, n=40) for name, policy in policies.items()})
    assert groups == [["a", "same"], ["weight"], ["activation"], ["shape"]]


def test_epochs_are_chosen_by_the_metric_of_the_inputs():
    inputs = guesses_of_several(np.random.default_rng(8), NETWORK.model_copy(update={"epochs": 30, "lr": 0.05}))
    chosen = {}
    for metric in ("micro_f1", "accuracy"):
        fitted = fit_networks([replace(inputs, metric=metric)])[0]
        chosen[metric] = fitted.selected_probs
    scores = {
        (by, metric): score(metric, inputs.targets, decide(probs, several=True))
        for by, probs in chosen.items()
        for metric in chosen
    }
    assert scores["micro_f1", "micro_f1"] > scores["accuracy", "micro_f1"]
    assert scores["accuracy", "accuracy"] > scores["micro_f1", "accuracy"]


def load(policies: dict, changes: dict) -> Experiment:
    config = {"name": "tiny"} | tiny_config() | {"policies": {"one": {"experts": ["tfidf"]}} | policies} | changes
    return Experiment.model_validate(config)


def test_layers_and_hidden_sizes_are_two_ways_to_say_the_same():
    old = NetworkPolicy(experts=("a",), layers=2, hidden_size=6)
    new = NetworkPolicy(experts=("a",), hidden=(6,))
    assert old.hidden_sizes == new.hidden_sizes == (6,)
    assert old.hidden_activations == new.hidden_activations == ("relu",)
    assert NetworkPolicy(experts=("a",)).hidden_sizes == ()
    assert NetworkPolicy(experts=("a",), hidden=(200, 150), activation="sigmoid").hidden_activations == ("sigmoid",) * 2


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"hidden": [200], "layers": 2}, "hidden has the sizes of all hidden layers: remove layers and hidden_size"),
        ({"activation": "tanh"}, "without hidden layers there is no activation"),
        ({"hidden": [3, 4], "activations": ["tanh"]}, "activations: 1 for 2 hidden layers"),
        ({"hidden": [3], "activations": ["tanh"], "activation": "relu"}, "remove activation"),
        ({"hidden": []}, "at least 1 item"),
        ({"hidden": [0]}, "greater than or equal to 1"),
        ({"positive_weight": 2}, "policies.more.positive_weight: only for catalogue.labels: several"),
    ],
)
def test_networks_that_contradict_themselves_are_refused(policy, message):
    with pytest.raises(ValueError, match=message):
        load({"more": {"experts": ["tfidf"]} | policy}, {})


def test_boosting_is_refused_with_several_labels():
    changes = SEVERAL | {"denoise": None, "experts": {"tfidf": {"kind": "tfidf"}}, "sample": None}
    with pytest.raises(ValueError, match=r"policies\.more\.kind: boosting is only for products with one label"):
        load({"more": {"kind": "boosting", "experts": ["tfidf"]}}, changes)
    assert LOGISTIC.labels_problem(several=True) is None

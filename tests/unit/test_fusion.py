"""Policies and votes: the right label wins, ties are broken as said, no label moves its own row."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.policies import LEARNERS, NETWORK, RULES, guesses, one_hot
from torch import nn

from latefusion.config import NetworkPolicy, RulePolicy
from latefusion.dataset.split import assign_folds
from latefusion.fusion import classifiers, deciding
from latefusion.fusion.deciding import decide
from latefusion.fusion.inputs import ALL, FusionInputs
from latefusion.fusion.networks import StackedPolicy, fit_networks, group_into_stacks
from latefusion.fusion.rules import combine, greedy_weights, log_loss_weights
from latefusion.fusion.training import fit_alone as fit
from latefusion.fusion.vote import majority_vote
from latefusion.metrics.calibration import expected_calibration_error
from latefusion.metrics.f1 import macro_f1
from latefusion.utils.errors import InputError
from latefusion.utils.seeds import derive_seed


def two_experts(rng, policy, n=600, num_classes=4) -> FusionInputs:
    """Two experts, each blind to a different half of the classes: only together do they know all."""
    targets = rng.integers(num_classes, size=n)
    tables = []
    for known in ((0, 1), (2, 3)):
        seen = np.where(np.isin(targets, known), targets, (known[0] + 2) % num_classes)
        probs = 0.6 * one_hot(seen, num_classes) + 0.4 * rng.dirichlet(np.ones(num_classes), n)
        tables.append(probs.astype(np.float32))
    return FusionInputs(policy, tuple(tables), targets, assign_folds(targets, policy.n_folds, 0))


def test_the_majority_wins_whatever_the_probabilities():
    preds = np.array([[0], [0], [1]])
    probs = np.array([[[0.4, 0.3, 0.3]], [[0.4, 0.3, 0.3]], [[0.0, 1.0, 0.0]]])
    assert majority_vote(preds, probs.sum(axis=0)) == [0]


def test_ties_go_to_the_highest_summed_probability_then_to_the_lowest_code():
    preds = np.array([[2, 2], [1, 1]])
    probs = np.array([[[0.0, 0.4, 0.6], [0.0, 0.5, 0.5]], [[0.0, 0.7, 0.3], [0.0, 0.5, 0.5]]])
    assert majority_vote(preds, probs.sum(axis=0)).tolist() == [1, 1]


def test_a_label_without_a_vote_never_wins():
    preds = np.array([[0], [2]])
    probs = np.array([[[0.1, 0.9, 0.0]], [[0.0, 0.9, 0.1]]])
    assert majority_vote(preds, probs.sum(axis=0))[0] in (0, 2)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_learns_which_expert_is_right(name):
    inputs = two_experts(np.random.default_rng(0), LEARNERS[name])
    fitted = fit(inputs)
    alone = max((table.argmax(axis=1) == inputs.targets).mean() for table in inputs.tables)
    assert (fitted.oof_probs.argmax(axis=1) == inputs.targets).mean() > alone + 0.15
    fresh = two_experts(np.random.default_rng(1), LEARNERS[name])
    preds, probs = fitted.decide(fresh.tables)
    assert (preds == fresh.targets).mean() > alone + 0.15
    assert np.allclose(probs.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("kind", RULES)
def test_a_rule_is_what_its_name_says(kind):
    tables = [np.array([[0.6, 0.3, 0.1]]), np.array([[0.1, 0.5, 0.4]])]
    expected = {
        "mean": [0.35, 0.4, 0.25],
        "weighted_mean": [0.475, 0.35, 0.175],
        "max": [0.6 / 1.5, 0.5 / 1.5, 0.4 / 1.5],
        "product": [0.06 / 0.25, 0.15 / 0.25, 0.04 / 0.25],
        "weighted_product": np.array(roots := [0.6**0.75 * 0.1**0.25, 0.3**0.75 * 0.5**0.25, 0.1**0.75 * 0.4**0.25])
        / sum(roots),
    }
    weights = np.array([0.75, 0.25]) if kind.startswith("weighted") else np.array([0.5, 0.5])
    assert np.allclose(combine(kind, tables, weights), [expected[kind]])


@pytest.mark.parametrize("kind", ["mean", "weighted_mean"])
@pytest.mark.parametrize("n_experts", [3, 7, 10, 49])
def test_no_mean_of_certain_experts_is_more_than_certain(kind, n_experts):
    """Ten times a tenth is 1.0000001 in float32; a submission with such a confidence is refused."""
    tables = [one_hot([0, 2, 1, 1]).astype(np.float32)] * n_experts
    weights = np.full(n_experts, 1 / n_experts, dtype=np.float32)
    combined = combine(kind, tables, weights)
    assert combined.dtype == np.float32
    assert combined.max() == 1
    assert np.array_equal(combined, tables[0])


def test_a_rule_that_does_not_exist_is_no_mean():
    with pytest.raises(KeyError, match="median"):
        combine("median", [one_hot([0])], np.ones(1))


@pytest.mark.parametrize("name", [*LEARNERS, *RULES])
@pytest.mark.parametrize("calibrate", [False, True])
def test_experts_may_be_certain_and_classes_rare(name, calibrate):
    """Zero probabilities for the right class, a class with one product, and one that no product has."""
    policy = (LEARNERS | RULES)[name].model_copy(update={"calibrate": calibrate})
    if policy.kind == "network":
        policy = policy.model_copy(update={"epochs": 3})
    rng = np.random.default_rng(0)
    targets = np.append(rng.integers(2, size=39), 2)
    tables = tuple(one_hot((targets + shift) % 3, num_classes=4).astype(np.float32) for shift in (0, 1))
    fitted = fit(FusionInputs(policy, tables, targets, assign_folds(targets, 4, 0)))
    for probs in (fitted.oof_probs, fitted.decide(tables)[1]):
        assert np.allclose(probs.sum(axis=1), 1, atol=1e-5)
        assert 0 <= probs.min() <= probs.max() <= 1


@pytest.mark.parametrize("name", ["one_layer", "two_layers", *RULES])
def test_a_fold_may_have_nothing_to_learn_from(name):
    """Where all labels that count are of one fold, as cleaning may leave them, what is learnt for it is a start."""
    inputs = small_problem(name, calibrate=True)
    alone = replace(inputs, targets=np.where(inputs.folds == 0, inputs.targets, -1))
    assert np.allclose(fit(alone).oof_probs.sum(axis=1), 1, atol=1e-5)


def test_networks_that_diverge_are_refused():
    inputs = two_experts(np.random.default_rng(0), NETWORK.model_copy(update={"lr": 1e30, "layers": 2}), n=60)
    with pytest.raises(InputError, match=r"on a, b: its probabilities are not finite: lower its lr 1e\+30"):
        fit(inputs)


def test_weights_go_to_the_better_expert():
    rng = np.random.default_rng(0)
    targets = rng.integers(3, size=300)
    knows, guessing = 0.5 * one_hot(targets) + 0.5 * rng.dirichlet(np.ones(3), 300), rng.dirichlet(np.ones(3), 300)
    weights = greedy_weights([guessing, knows], targets)
    assert weights[1] > 0.6
    assert weights.sum() == pytest.approx(1)
    exponents = log_loss_weights([guessing, knows], targets)
    assert exponents[0] < 0.1
    assert exponents[1] > 1  # it is always right, more often than it says


def test_the_weights_of_a_product_minimise_its_log_loss_and_calibrate_it():
    """Two experts that know the same, and are too certain: their product would be more certain still."""
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.ones(4), 4000)
    targets = np.array([rng.choice(4, p=row) for row in truth])
    certain = truth**3 / (truth**3).sum(axis=1, keepdims=True)
    weights = log_loss_weights([certain, certain], targets)
    assert weights.sum() == pytest.approx(1 / 3, abs=0.03)
    combined = combine("weighted_product", [certain, certain], weights)
    assert expected_calibration_error(targets, combined) < 0.03 < expected_calibration_error(targets, certain)


def test_an_expert_that_is_always_right_gets_the_largest_weight_and_no_infinite_one():
    targets = np.arange(30) % 3
    weights = log_loss_weights([one_hot(targets), one_hot((targets + 1) % 3)], targets)
    assert np.isfinite(weights).all()
    assert (
        combine("weighted_product", [one_hot(targets), one_hot((targets + 1) % 3)], weights).argmax(1) == targets
    ).all()


def small_problem(name: str, *, calibrate: bool, unknown: float = 0.0) -> FusionInputs:
    """122 products and a few epochs; a share of the labels does not count, as where validation products are cleaned."""
    policy = (LEARNERS | RULES)[name].model_copy(update={"calibrate": calibrate})
    if policy.kind == "network":
        policy = policy.model_copy(update={"epochs": 6})
    inputs = two_experts(np.random.default_rng(2), policy, n=122)
    hidden = np.random.default_rng(3).random(122) < unknown
    return replace(inputs, targets=np.where(hidden, -1, inputs.targets))


def out_of_fold(inputs: FusionInputs) -> np.ndarray:
    """Fit a policy; return what it says of each product out of fold: probabilities, and how much it asks."""
    fitted = fit(inputs)
    return np.column_stack([fitted.oof_probs, *([fitted.oof_asked.ask] if hasattr(fitted, "oof_asked") else [])])


@pytest.mark.parametrize("name", [*LEARNERS, *RULES])
@pytest.mark.parametrize(("calibrate", "unknown"), [(False, 0.0), (True, 0.0), (False, 0.2)])
def test_no_label_moves_its_own_row(name, calibrate, unknown):
    """Not by a bit: the label of one product is changed, all is fitted anew, its out-of-fold row stays what it was."""
    inputs = small_problem(name, calibrate=calibrate, unknown=unknown)
    before = out_of_fold(inputs)
    others_moved = False
    for product in np.flatnonzero(inputs.targets >= 0)[[0, 17, 40, 77]]:
        targets = inputs.targets.copy()
        targets[product] = (targets[product] + 1) % 4
        after = out_of_fold(replace(inputs, targets=targets))
        assert np.array_equal(before[product], after[product])
        others_moved |= not np.array_equal(before, after)
    if name != "weighted_mean" or calibrate:  # its weights may be the same with one label more or less
        assert others_moved == (name in [*LEARNERS, "weighted_product"] or calibrate)


@pytest.mark.parametrize("name", ["one_layer", "two_layers"])
def test_no_label_moves_its_own_row_where_networks_are_stacked(name):
    first = small_problem(name, calibrate=False)
    second = replace(first, policy=first.policy.model_copy(update={"seed": 7}))
    before = fit_networks([first, second])
    targets = first.targets.copy()
    targets[5] = (targets[5] + 1) % 4
    for old, new in zip(before, fit_networks([replace(one, targets=targets) for one in (first, second)]), strict=True):
        assert np.array_equal(old.oof_probs[5], new.oof_probs[5])
        assert not np.array_equal(old.oof_probs, new.oof_probs)


@pytest.mark.parametrize("name", [*LEARNERS, "weighted_mean", "weighted_product"])
@pytest.mark.parametrize("calibrate", [False, True])
def test_a_folds_labels_move_none_of_its_rows(name, calibrate):
    """Nor do all labels of a fold together; what is learnt for the others moves."""
    inputs = small_problem(name, calibrate=calibrate)
    own = inputs.folds == 1
    changed = replace(inputs, targets=np.where(own, (inputs.targets + 1) % 4, inputs.targets))
    before, after = out_of_fold(inputs), out_of_fold(changed)
    assert np.array_equal(before[own], after[own])
    assert not np.allclose(before[~own], after[~own])


@pytest.mark.parametrize("name", [*LEARNERS, "weighted_mean", "weighted_product"])
def test_a_label_that_does_not_count_is_not_learnt_from(name):
    """What the experts say of such products may change: nothing that is learnt does."""
    policy = (LEARNERS | RULES)[name].model_copy(update={"calibrate": True})
    inputs = two_experts(np.random.default_rng(4), policy, n=100)
    rng = np.random.default_rng(0)
    unknown = rng.random(100) < 0.3
    hidden = replace(inputs, targets=np.where(unknown, -1, inputs.targets))
    garbage = tuple(np.where(unknown[:, None], rng.dirichlet(np.ones(4), 100), table) for table in inputs.tables)
    before, after = fit(hidden), fit(replace(hidden, tables=tuple(table.astype(np.float32) for table in garbage)))
    assert np.allclose(before.oof_probs[~unknown], after.oof_probs[~unknown], atol=1e-6)
    assert np.isfinite(after.oof_probs).all()


def test_each_folds_network_reads_experts_tempered_for_its_fold():
    policy = NETWORK.model_copy(update={"calibrate": True, "epochs": 3})
    inputs = two_experts(np.random.default_rng(1), policy, n=60)
    fitted = fit(inputs)
    by_fold = fitted.fold_probs(inputs.tables)
    assert len(np.unique(inputs.temperatures[:, 0])) == 5
    for fold in range(4):
        net = StackedPolicy([8, 4], [0])
        net.load_state_dict({key: value[fold : fold + 1] for key, value in fitted.weights.items()})
        expected = net(torch.from_numpy(inputs.features(fold))[None]).softmax(dim=-1)[0]
        assert np.allclose(by_fold[fold], expected.detach().numpy(), atol=1e-6)


def test_a_rule_decides_on_experts_tempered_by_all_folds():
    policy = RULES["max"].model_copy(update={"calibrate": True})
    inputs = two_experts(np.random.default_rng(1), policy, n=60)
    _, probs = fit(inputs).decide(inputs.tables)
    assert np.array_equal(probs, combine("max", inputs.calibrated(ALL), np.array([0.5, 0.5])))


def test_decisions_do_not_depend_on_the_blocks_they_are_made_in(monkeypatch):
    inputs = two_experts(np.random.default_rng(1), NETWORK.model_copy(update={"epochs": 3}), n=60)
    fitted = fit(inputs)
    whole = decide(fitted, inputs.tables)
    monkeypatch.setattr(deciding, "BLOCK", 4 * 7)  # seven products
    for one, other in zip(decide(fitted, inputs.tables), whole, strict=True):
        assert np.allclose(one, other, atol=1e-6)


def test_stacked_networks_end_as_each_alone():
    """Two policies of other seeds and experts, four folds each, against plain torch modules one after another."""
    first = two_experts(np.random.default_rng(5), NETWORK.model_copy(update={"layers": 2, "epochs": 5}), n=102)
    second = two_experts(np.random.default_rng(6), first.policy.model_copy(update={"seed": 7}), n=102)
    second = replace(second, targets=first.targets, folds=first.folds)
    assert group_into_stacks({"first": first, "second": second}) == [["first", "second"]]
    together = fit_networks([first, second])
    for inputs, fitted in zip([first, second], together, strict=True):
        alone = fit_networks([inputs])[0]
        assert np.allclose(alone.oof_probs, fitted.oof_probs, atol=1e-6)
        for fold in range(4):
            module, left_out_probs = train_alone(inputs, fold)
            assert np.allclose(fitted.oof_probs[inputs.folds == fold], left_out_probs, atol=1e-5)
            for layer, linear in enumerate(module[::2]):
                assert torch.allclose(fitted.weights[f"weights.{layer}"][fold].T, linear.weight, atol=1e-5)
                assert torch.allclose(fitted.weights[f"biases.{layer}"][fold, 0], linear.bias, atol=1e-5)


def train_alone(inputs: FusionInputs, fold: int) -> tuple[nn.Sequential, np.ndarray]:
    """Train one fold's network the plain way; return it at its best epoch, and the left-out probabilities of its last.

    The best epoch is that of highest macro-F1 on the left-out products, as published.
    """
    policy, features = inputs.policy, torch.from_numpy(inputs.features(fold))
    start = StackedPolicy([8, policy.hidden_size, 4], [derive_seed(policy.seed, "init", fold)], ["relu"])
    module = nn.Sequential(nn.Linear(8, policy.hidden_size), nn.ReLU(), nn.Linear(policy.hidden_size, 4))
    with torch.no_grad():
        for linear, weight, bias in zip(module[::2], start.weights, start.biases, strict=True):
            linear.weight.copy_(weight[0].T)
            linear.bias.copy_(bias[0, 0])
    optimizer = torch.optim.Adam(module.parameters(), lr=policy.lr)
    targets, rows, left_out = torch.from_numpy(inputs.targets), inputs.fit_rows(fold), inputs.folds == fold
    n_batches = -(-max(len(inputs.fit_rows(one)) for one in range(4)) // policy.batch_size)
    best = -1.0, None
    for epoch in range(policy.epochs):
        rng = np.random.default_rng(derive_seed(policy.seed, "order", fold, epoch))
        for batch in np.array_split(rng.permutation(rows), n_batches):
            loss = nn.functional.cross_entropy(module(features[batch]), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            score = macro_f1(inputs.targets[left_out], module(features)[left_out].argmax(dim=1).numpy())
        if score > best[0]:
            best = score, {key: value.clone() for key, value in module.state_dict().items()}
    with torch.no_grad():
        left_out_probs = module(features)[left_out].softmax(dim=1).numpy()
    module.load_state_dict(best[1])
    return module, left_out_probs


def test_policies_of_another_shape_or_way_are_trained_apart():
    policies = {
        "a": NETWORK,
        "b": NETWORK.model_copy(update={"seed": 1}),
        "slow": NETWORK.model_copy(update={"lr": 0.001}),
        "deep": NETWORK.model_copy(update={"layers": 2}),
    }
    rng = np.random.default_rng(0)
    assert group_into_stacks({name: two_experts(rng, policy, n=40) for name, policy in policies.items()}) == [
        ["a", "b"],
        ["slow"],
        ["deep"],
    ]


def test_a_large_problem_is_trained_in_smaller_stacks():
    rng = np.random.default_rng(0)
    policy = NetworkPolicy(experts=("a", "b"), batch_size=10_000)
    inputs = guesses(rng, policy, n=3000, num_classes=30)
    names = [f"p{number}" for number in range(6)]
    groups = group_into_stacks(dict.fromkeys(names, inputs))
    assert [name for group in groups for name in group] == names
    assert all(len(group) < 6 for group in groups)


def test_experts_are_tempered_by_what_the_other_folds_say():
    rng = np.random.default_rng(0)
    policy = RulePolicy(kind="mean", experts=("a", "b"), n_folds=4, calibrate=True)
    inputs = two_experts(rng, policy)
    sharp = tuple((table**4 / (table**4).sum(axis=1, keepdims=True)) for table in inputs.tables)
    temperatures = FusionInputs(policy, sharp, inputs.targets, inputs.folds).temperatures
    assert temperatures.shape == (5, 2)
    assert (temperatures > 2 * inputs.temperatures).all()


def test_stacking_on_a_single_class_is_refused():
    tables = tuple(np.full((8, 2), 0.5, dtype=np.float32) for _ in range(2))
    inputs = FusionInputs(LEARNERS["logistic"], tables, np.array([0] * 7 + [1]), np.arange(8) % 4)
    with pytest.raises(InputError, match="single class"):
        fit(inputs)


def test_a_regression_that_did_not_converge_says_so(monkeypatch, caplog):
    monkeypatch.setattr(classifiers, "MAX_ITER", 2)
    fit(two_experts(np.random.default_rng(0), LEARNERS["logistic"], n=100))
    assert "stopped after 2 iterations" in caplog.text

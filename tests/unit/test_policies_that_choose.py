"""Policies that choose: select, as published, and on_demand, whose end points are the two policies that it names."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.configs import tiny_config
from helpers.policies import LEARNERS, LOGISTIC, NETWORK, ON_DEMAND, guesses, one_hot
from torch import nn

from latefusion.config import Experiment, OnDemandPolicy, PolicyConfig, RulePolicy, SelectPolicy
from latefusion.dataset.split import assign_folds
from latefusion.fusion.inputs import ALL, FusionInputs
from latefusion.fusion.networks import StackedPolicy
from latefusion.fusion.on_demand import FittedOnDemand
from latefusion.fusion.select import highest
from latefusion.fusion.training import fit_alone, load_policy, save_policy
from latefusion.metrics.decisions import decide
from latefusion.metrics.f1 import score
from latefusion.plan.planning import plan
from latefusion.scores.cost import asked_at, cost_curve, share_needed
from latefusion.utils.seeds import derive_seed

PARTS = {
    "logistic": LOGISTIC,
    "network": NETWORK.model_copy(update={"epochs": 4}),
    "rule": RulePolicy(kind="weighted_product", experts=("b", "a"), n_folds=4, calibrate=True),
}


def knows_when(rng, policy: PolicyConfig, n: int = 600, num_classes: int = 5) -> FusionInputs:
    """A text expert that is wrong on half of the products, and unsure there; an image expert that is mostly right."""
    targets = rng.integers(num_classes, size=n)
    unsure = rng.random(n) < 0.5
    said = np.where(unsure, (targets + 1) % num_classes, targets)
    sureness = np.where(unsure, 0.4, 0.8)[:, None]
    text = sureness * one_hot(said, num_classes) + (1 - sureness) * rng.dirichlet(np.ones(num_classes), n)
    seen = np.where(rng.random(n) < 0.9, targets, rng.integers(num_classes, size=n))
    image = 0.7 * one_hot(seen, num_classes) + 0.3 * rng.dirichlet(np.ones(num_classes), n)
    tables = (text.astype(np.float32), image.astype(np.float32))
    return FusionInputs(policy, tables, targets, assign_folds(targets, policy.n_folds, 0))


def on_demand(share: float, then: PolicyConfig = LOGISTIC, first: PolicyConfig | None = None) -> OnDemandPolicy:
    named = {"both": then} | ({} if first is None else {"cheap": first})
    policy = OnDemandPolicy(
        kind="on_demand", first="a" if first is None else "cheap", then="both", n_folds=4, image_share=share
    )
    return policy.resolved(named)


def test_the_highest_probabilities_are_in_descending_order():
    probs = np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]])
    assert highest(probs, 2).tolist() == [[0.6, 0.3], [0.5, 0.3]]
    assert highest(probs, 9).tolist() == [[0.6, 0.3, 0.1], [0.5, 0.3, 0.2]]


@pytest.mark.parametrize("layers", [1, 2])
def test_select_learns_when_to_trust_the_second_expert(layers):
    policy = SelectPolicy(kind="select", experts=("a", "b"), n_folds=4, layers=layers, batch_size=32)
    inputs = knows_when(np.random.default_rng(0), policy)
    fitted = fit_alone(inputs)
    text, image = ((table.argmax(axis=1) == inputs.targets) for table in inputs.tables)
    chosen = fitted.oof_asked.asked
    assert np.array_equal(fitted.oof_probs, np.where(chosen[:, None], inputs.tables[1], inputs.tables[0]))
    decided = fitted.oof_probs.argmax(axis=1) == inputs.targets
    assert decided.mean() > max(text.mean(), image.mean()) + 0.02
    assert fitted.facts == {
        "policy_accuracy": pytest.approx((chosen == (image & ~text)).mean()),
        "share_chosen": pytest.approx(chosen.mean()),
        "oracle_accuracy": pytest.approx((text | image).mean()),
    }


def test_a_higher_positive_weight_chooses_the_second_expert_more_often():
    shares = []
    for positive_weight in (0.2, 1.0, 30.0):
        policy = LEARNERS["select"].model_copy(update={"positive_weight": positive_weight, "epochs": 10})
        shares.append(fit_alone(guesses(np.random.default_rng(1), policy)).facts["share_chosen"])
    assert shares == sorted(shares)
    assert shares[0] < 0.05 < 0.9 < shares[2]


def test_each_network_of_select_is_the_one_that_is_trained_alone():
    """Against a plain torch module, on the loss of the paper: the network of a fold, and that of other products."""
    policy = SelectPolicy(kind="select", experts=("a", "b"), n_folds=4, epochs=3, batch_size=32, top_k=2)
    inputs = knows_when(np.random.default_rng(2), policy, n=90)
    fitted = fit_alone(inputs)
    features = torch.from_numpy(np.hstack([highest(table, 2) for table in inputs.tables]))
    text, image = (torch.from_numpy(table.argmax(axis=1) == inputs.targets) for table in inputs.tables)
    labels = (image & ~text).float()
    n_batches = -(-len(inputs.fit_rows(ALL)) // policy.batch_size)
    for fold in (2, ALL):
        start = StackedPolicy([4, 10, 1], [derive_seed(policy.seed, "init", fold)], ["relu"])
        module = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 1))
        with torch.no_grad():
            for linear, weight, bias in zip(module[::2], start.weights, start.biases, strict=True):
                linear.weight.copy_(weight[0].T)
                linear.bias.copy_(bias[0, 0])
        optimizer = torch.optim.Adam(module.parameters(), lr=policy.lr)
        for epoch in range(policy.epochs):
            rng = np.random.default_rng(derive_seed(policy.seed, "order", fold, epoch))
            for batch in np.array_split(rng.permutation(inputs.fit_rows(fold)), n_batches):
                x, z = module(features[batch])[:, 0], labels[batch]
                loss = (1 - z) * x + (1 + (policy.positive_weight - 1) * z) * (1 + (-x).exp()).log()
                optimizer.zero_grad()
                loss.mean().backward()
                optimizer.step()
        expected = module(features)[:, 0].sigmoid().detach().numpy()
        rows = slice(None) if fold == ALL else inputs.folds == fold
        found = fitted.asked(inputs.tables) if fold == ALL else fitted.oof_asked
        assert np.allclose(found.ask[rows], expected[rows], atol=1e-5)


@pytest.mark.parametrize("first", [None, RulePolicy(kind="mean", experts=("a",), n_folds=4)])
@pytest.mark.parametrize("then", PARTS)
def test_the_end_points_are_the_two_policies_to_the_last_bit(then, first):
    inputs = knows_when(np.random.default_rng(3), on_demand(1.0, PARTS[then], first), n=200)
    full = fit_alone(inputs.of(PARTS[then]))
    new = knows_when(np.random.default_rng(4), inputs.policy, n=60).tables
    every, none = (fit_alone(replace(inputs, policy=on_demand(share, PARTS[then], first))) for share in (1.0, 0.0))
    assert np.array_equal(every.oof_probs, full.oof_probs)
    by_expert = dict(zip(inputs.policy.experts, new, strict=True))
    expected = full.decide(tuple(by_expert[name] for name in PARTS[then].experts))
    assert all(np.array_equal(a, b) for a, b in zip(every.decide(new), expected, strict=True))
    cheap = inputs.tables[0] if first is None else fit_alone(inputs.of(first)).oof_probs
    assert np.array_equal(none.oof_probs, cheap)
    assert np.array_equal(none.decide(new)[0], new[0].argmax(axis=1))
    assert np.allclose(none.decide(new)[1], new[0], atol=1e-6)
    assert every.facts == {"share_asked": 1.0}
    assert none.facts == {"share_asked": 0.0}


def test_half_of_the_products_are_enough_where_the_gain_can_be_foreseen():
    inputs = knows_when(np.random.default_rng(5), on_demand(0.5))
    fitted = fit_alone(inputs)
    assert fitted.facts["share_asked"] == pytest.approx(0.5, abs=0.01)
    unsure = inputs.tables[0].max(axis=1) < 0.65
    assert (fitted.oof_asked.asked == unsure).mean() > 0.9
    full = fit_alone(inputs.of(LOGISTIC)).oof_probs
    scores = [(probs.argmax(axis=1) == inputs.targets).mean() for probs in (inputs.tables[0], fitted.oof_probs, full)]
    assert scores[0] < 0.6 < 0.9 < scores[2]
    assert scores[1] > scores[2] - 0.02


def test_the_dear_expert_is_read_only_where_it_is_asked_for():
    inputs = knows_when(np.random.default_rng(6), on_demand(0.3))
    fitted = fit_alone(inputs)
    new = knows_when(np.random.default_rng(7), inputs.policy, n=400).tables
    for share in (None, 0.0, 0.1, 1.0):
        read: dict[str, np.ndarray] = {}

        def reading(expert: str, rows: np.ndarray, read: dict[str, np.ndarray] = read) -> np.ndarray:
            assert expert not in read
            read[expert] = rows
            return new["ab".index(expert)][rows]

        preds, probs = fitted.decide_rows(reading, 400, share)
        assert len(read["a"]) == 400
        n_asked = len(read.get("b", ()))
        assert n_asked == pytest.approx(400 * (0.3 if share is None else share), abs=25)
        if share is None:
            assert np.array_equal(fitted.asked(new).asked.nonzero()[0], read["b"])
            assert all(np.allclose(a, b, atol=1e-6) for a, b in zip((preds, probs), fitted.decide(new), strict=True))


def test_asking_does_not_depend_on_the_dear_experts():
    """Nor could it: they have not run yet. Only what is learnt from them changes."""
    fitted = fit_alone(knows_when(np.random.default_rng(6), on_demand(0.3)))
    new = knows_when(np.random.default_rng(7), fitted.inputs.policy, n=100).tables
    assert np.array_equal(fitted.asked(new).ask, fitted.asked((new[0], new[1][::-1])).ask)


@pytest.mark.parametrize("then", PARTS)
def test_a_copy_of_its_folder_decides_the_same_for_any_share(tmp_path, then):
    first = RulePolicy(kind="weighted_product", experts=("a",), n_folds=4)
    policy = on_demand(0.3, PARTS[then], first)
    fitted = fit_alone(guesses(np.random.default_rng(0), policy, n=200, num_classes=5))
    save_policy(fitted, tmp_path / "policy")
    new = guesses(np.random.default_rng(1), policy, n=50, num_classes=5).tables
    loaded = load_policy(policy, 5, tmp_path / "policy")
    assert isinstance(loaded, FittedOnDemand)
    by_expert = dict(zip(policy.experts, new, strict=True))
    for share in (0.0, 0.2, 0.9, 1.0):
        expected, found = (
            one.decide_rows(lambda name, rows: by_expert[name][rows], 50, share) for one in (fitted, loaded)
        )
        assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))


def test_several_labels_are_those_of_the_part_that_decides_by_its_own_thresholds(tmp_path):
    rng, policy = np.random.default_rng(0), on_demand(0.4)
    targets = (rng.random((200, 6)) < 0.3).astype(np.int8)
    tables = tuple(rng.random((200, 6), dtype=np.float32) * 0.6 for _ in range(2))
    fitted = fit_alone(FusionInputs(policy, tables, targets, np.arange(200) % 4, metric="micro_f1"))
    low, lower = rng.uniform(0.1, 0.5, (2, 6))
    fitted = replace(fitted, first=replace(fitted.first, thresholds=low), then=replace(fitted.then, thresholds=lower))
    save_policy(fitted, tmp_path / "policy")
    loaded = load_policy(policy, 6, tmp_path / "policy", several=True)
    new = tuple(rng.random((50, 6), dtype=np.float32) * 0.6 for _ in range(2))
    _, then_probs = fitted.then.fitted.decide(new)
    ends = [decide(new[0], several=True, thresholds=low), decide(then_probs, several=True, thresholds=lower)]
    for one in (fitted, loaded):
        for share, expected in zip((0.0, 1.0), ends, strict=True):
            preds, _ = one.decide_rows(lambda name, rows: new["ab".index(name)][rows], 50, share)
            assert np.array_equal(preds, expected)
        asked = one.asked(new).asked
        assert 0 < asked.sum() < 50
        assert np.array_equal(one.decide(new)[0], np.where(asked[:, None], ends[1], ends[0]))


def test_no_label_of_a_fold_reaches_its_gate_by_way_of_what_is_asked():
    """The labels of a fold change what `then` learns for other folds, whose gains the fold's gate must not see."""
    inputs = knows_when(np.random.default_rng(8), ON_DEMAND.model_copy().resolved({"both": PARTS["rule"]}), n=150)
    before = fit_alone(inputs)
    own = inputs.folds == 2
    changed = replace(inputs, targets=np.where(own, (inputs.targets + 1) % 5, inputs.targets))
    after = fit_alone(changed)
    assert np.array_equal(before.oof_asked.ask[own], after.oof_asked.ask[own])
    assert not np.array_equal(before.oof_asked.ask[~own], after.oof_asked.ask[~own])


@pytest.mark.parametrize("several", [False, True])
def test_the_cost_curve_ends_at_both_policies_and_finds_the_share_that_is_needed(several):
    rng = np.random.default_rng(0)
    targets = (rng.random((400, 6)) < 0.3).astype(np.int8) if several else rng.integers(6, size=400)
    if several:
        targets[:, 0] = 1
    hopeless = rng.random(400) < 0.4
    then = targets.copy()
    first = np.where(hopeless[:, None], 1 - targets, targets) if several else np.where(hopeless, 5 - targets, targets)
    targets[:20] = -1  # labels that do not count
    metric = "micro_f1" if several else "macro_f1"
    curve = cost_curve(targets, first, then, hopeless + rng.random(400), metric=metric, num_classes=6)
    assert curve["score"].iloc[0] == score(metric, targets, first)
    assert curve["score"].iloc[-1] == score(metric, targets, then)
    assert curve[["difference", "low", "high"]].iloc[-1].tolist() == [0, 0, 0]
    assert curve["asked"].tolist() == [round(380 * share) for share in curve["share"]]
    assert share_needed(curve) == pytest.approx(hopeless[20:].mean(), abs=0.06)


def test_equal_scores_are_asked_in_the_order_of_the_products():
    assert asked_at(np.array([0.5, 0.5, 0.9, 0.5]), 0.5).tolist() == [True, False, True, False]


def load(policies: dict) -> Experiment:
    return Experiment.model_validate({"name": "tiny"} | tiny_config() | {"policies": policies, "vote": {}})


BOTH = {"experts": ["tfidf", "cnn_raw"]}


def test_the_job_needs_the_policies_that_it_asks_and_comes_after_them():
    policies = {"ask": {"kind": "on_demand", "first": "tfidf", "then": "both"}, "both": BOTH}
    jobs = plan(load(policies))
    needs = [need.key for need in jobs["policies/ask"].needs]
    assert needs == ["experts/tfidf", "experts/cnn_raw", "policies/both"]
    assert list(jobs).index("policies/both") < list(jobs).index("policies/ask")
    changed = plan(load(policies | {"both": BOTH | {"epochs": 3}}))
    assert changed["policies/ask"].fingerprint != jobs["policies/ask"].fingerprint


def test_it_may_be_a_member_of_the_vote():
    policies = {"ask": {"kind": "on_demand", "first": "tfidf", "then": "both"}, "both": BOTH}
    config = {"name": "tiny"} | tiny_config() | {"policies": policies, "vote": {"members": ["ask", "both"]}}
    assert Experiment.model_validate(config).vote_members == ("ask", "both")


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ({"first": "tfid", "then": "both"}, "policies.ask.first: 'tfid' does not exist; did you mean 'tfidf'"),
        ({"first": "tfidf", "then": "bot"}, "policies.ask.then: 'bot' does not exist; did you mean 'both'"),
        ({"first": "tfidf", "then": "cnn_raw"}, "policies.ask.then: 'cnn_raw' does not exist"),
        ({"first": "tfidf", "then": "ask"}, "policies.ask.then: 'ask' is of kind on_demand itself"),
        ({"first": "ask", "then": "both"}, "policies.ask.first: 'ask' is of kind on_demand itself"),
        ({"first": "both", "then": "both"}, "policies.ask.then: 'both' reads no expert that 'both' does not"),
        ({"first": "tfidf", "then": "both", "image_share": 1.1}, "less than or equal to 1"),
        ({"first": "tfidf", "then": "both", "experts": ["tfidf"]}, "unknown key 'experts'"),
        ({"first": "tfidf", "then": "both", "calibrate": True}, "calibrate: is set in the policies that first and"),
    ],
)
def test_what_cannot_be_asked_is_refused(ask, message):
    with pytest.raises(ValueError, match=message):
        load({"both": BOTH, "ask": {"kind": "on_demand"} | ask})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"experts": ["tfidf"]}, "experts"),
        ({"experts": ["tfidf", "cnn_raw"], "inputs": "probs", "top_k": 1}, "top_k is only for inputs: top_k"),
    ],
)
def test_select_needs_two_experts(settings, message):
    with pytest.raises(ValueError, match=message):
        load({"one": BOTH, "choose": {"kind": "select"} | settings})


def test_for_products_that_lack_something_what_is_left_decides():
    restricted = on_demand(0.3).restricted(("a",))
    assert (restricted.kind, restricted.experts) == ("logistic", ("a",))
    assert on_demand(0.3, LOGISTIC.model_copy(update={"experts": ("b",)})).restricted(("a",)).experts == ("a",)
    assert LEARNERS["select"].restricted(("b",)).experts == ("b",)

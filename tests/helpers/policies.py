"""Policies of every kind, and what they learn from where labels mean nothing."""

import numpy as np

from latefusion.config import (
    BoostingPolicy,
    LogisticPolicy,
    NetworkPolicy,
    OnDemandPolicy,
    RidgePolicy,
    RulePolicy,
    SelectPolicy,
)
from latefusion.dataset.split import assign_folds
from latefusion.fusion.inputs import FusionInputs

NETWORK = NetworkPolicy(experts=("a", "b"), n_folds=4, batch_size=32)
LOGISTIC = LogisticPolicy(kind="logistic", experts=("a", "b"), n_folds=4)
ON_DEMAND = OnDemandPolicy(kind="on_demand", first="a", then="both", n_folds=4, image_share=0.6)
LEARNERS = {
    "one_layer": NETWORK,
    "two_layers": NETWORK.model_copy(update={"layers": 2}),
    "log_probs": NETWORK.model_copy(update={"inputs": "log_probs"}),
    "top_k": NETWORK.model_copy(update={"inputs": "top_k", "top_k": 2}),
    "logistic": LOGISTIC,
    "ridge": RidgePolicy(kind="ridge", experts=("a", "b"), n_folds=4),
    "boosting": BoostingPolicy(kind="boosting", experts=("a", "b"), n_folds=4, trees=8),
    "select": SelectPolicy(kind="select", experts=("a", "b"), n_folds=4, inputs="probs", batch_size=32),
    "on_demand": ON_DEMAND.resolved({"both": LOGISTIC}),
}
RULES = {
    kind: RulePolicy(kind=kind, experts=("a", "b"), n_folds=4)
    for kind in ("mean", "weighted_mean", "max", "product", "weighted_product")
}


def one_hot(preds, num_classes=3):
    return np.eye(num_classes)[np.asarray(preds)]


def guesses(rng, policy, n=800, num_classes=8) -> FusionInputs:
    """Experts that know something, and labels that have nothing to do with it."""
    tables = tuple(rng.dirichlet(np.full(num_classes, 0.3), n).astype(np.float32) for _ in policy.experts)
    targets = rng.integers(num_classes, size=n)
    return FusionInputs(policy, tables, targets, assign_folds(targets, policy.n_folds, 0))


def guesses_of_several(rng, policy, n=400, num_classes=5) -> FusionInputs:
    """The same with several labels: each class is a label of a third of the products, and each product has one."""
    tables = tuple(rng.random((n, num_classes)).astype(np.float32) for _ in policy.experts)
    targets = (rng.random((n, num_classes)) < 1 / 3).astype(np.int8)
    targets[np.arange(n), rng.integers(num_classes, size=n)] = 1
    return FusionInputs(policy, tables, targets, rng.permutation(n) % policy.n_folds, metric="micro_f1")


def chance_epochs(rng, n=400, num_classes=5, epochs=100):
    """Validation labels, and a network that never learns: each epoch guesses anew."""
    targets = rng.integers(num_classes, size=n)
    return targets, [rng.dirichlet(np.ones(num_classes), n).astype(np.float32) for _ in range(epochs)]


# What policies of these kinds read, in a config with the experts tfidf and words and the policy mean.
READS = {"on_demand": {"first": "tfidf", "then": "mean"}}
PAIR = {"experts": ["tfidf", "words"]}  # all others

"""Rules on the experts' probabilities: mean, weighted mean, maximum, product and weighted product.

Kittler et al., "On Combining Classifiers", PAMI 1998. The weights of the weighted mean are learnt by greedy ensemble
selection: experts are added to a bag one by one, with replacement, each time the one that gives the highest score
(Caruana et al., "Ensemble Selection from Libraries of Models", ICML 2004). Those of the weighted product, the exponents
of the experts' probabilities, minimise the log loss: it is a logistic regression with one coefficient per expert, so
its probabilities are calibrated (the logarithmic opinion pool of Heskes, "Selecting Weighting Factors in Logarithmic
Opinion Pools", NIPS 1997, without the condition that the weights sum to one).

Of several labels, each class is a decision of its own: probabilities need not sum to one, and a product of
probabilities is one of odds, a sum of logits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

from latefusion.fusion.inputs import ALL, FusionInputs
from latefusion.metrics.calibration import as_logits
from latefusion.metrics.decisions import HALF, decide
from latefusion.metrics.f1 import score

LARGEST_WEIGHT = 10.0  # an exponent; experts that are right on all products would have infinite ones
BLOCK = 2_000_000  # probabilities of one expert whose log loss is computed at a time
ROUNDS = 20  # experts added to the bag: the smallest possible weight is 1/20


@dataclass(frozen=True)
class FittedRule:
    """A rule with the weights of its experts."""

    inputs: FusionInputs
    weights: np.ndarray  # (E,)
    oof_probs: np.ndarray  # (N, C)

    @property
    def facts(self) -> dict:
        if self.inputs.policy.kind not in LEARN_WEIGHTS:
            return {}
        return {"weights": dict(zip(self.inputs.policy.experts, self.weights.tolist(), strict=True))}

    def save(self, run_dir: Path) -> None:
        """Write nothing: the weights are in metrics.json."""

    def decide(self, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return the decisions and (N, C) probabilities for products, from their experts' (N, C) tables."""
        several = self.inputs.several
        probs = combine(self.inputs.policy.kind, self.inputs.calibrated(ALL, tables), self.weights, several=several)
        return decide(probs, several=several), probs


def load_rule(inputs: FusionInputs, run_dir: Path, facts: dict) -> FittedRule:
    """Return a rule with the weights in `facts`, its metrics.json."""
    experts = inputs.policy.experts
    weights = facts.get("weights", dict.fromkeys(experts, 1 / len(experts)))
    return FittedRule(inputs, np.array([weights[name] for name in experts], dtype=np.float32), inputs.tables[0])


def fit_rule(inputs: FusionInputs) -> FittedRule:
    """Fit a rule: the weights for each fold on the other folds, the final weights on all."""
    kind, n_folds = inputs.policy.kind, inputs.policy.n_folds
    oof_probs = np.empty_like(inputs.tables[0])
    for fold in range(n_folds):
        held_out = inputs.folds == fold
        tables = tuple(table[held_out] for table in inputs.tables)
        calibrated, weights = inputs.calibrated(fold, tables), _weights(inputs, fold)
        oof_probs[held_out] = combine(kind, calibrated, weights, several=inputs.several)
    return FittedRule(inputs, _weights(inputs, ALL), oof_probs)


def combine(kind: str, tables: list[np.ndarray], weights: np.ndarray, *, several: bool = False) -> np.ndarray:
    """Return (N, C) float32 probabilities from the experts' (N, C) tables.

    Unless products have several labels, rows are divided by their sum, so that rounding makes no probability greater
    than one (ten times a tenth is 1.0000001 in float32). Raises KeyError on an unknown rule.
    """
    combined = RULES[kind](tables, weights, several)
    if several:
        return combined.clip(0, 1).astype(np.float32)
    return (combined / combined.sum(axis=1, keepdims=True)).astype(np.float32)


def _mean(tables: list[np.ndarray], weights: np.ndarray, several: bool) -> np.ndarray:
    return sum(weight * table for weight, table in zip(weights, tables, strict=True))


def _max(tables: list[np.ndarray], weights: np.ndarray, several: bool) -> np.ndarray:
    return np.maximum.reduce(tables)


def _product(tables: list[np.ndarray], weights: np.ndarray, several: bool) -> np.ndarray:
    return _from_logits(sum(as_logits(table, several=several) for table in tables), several)


def _weighted_product(tables: list[np.ndarray], weights: np.ndarray, several: bool) -> np.ndarray:
    weighted = zip(weights, tables, strict=True)
    return _from_logits(sum(weight * as_logits(table, several=several) for weight, table in weighted), several)


def _from_logits(logits: np.ndarray, several: bool) -> np.ndarray:
    return expit(logits) if several else softmax(logits, axis=1)


RULES = {
    "mean": _mean,
    "weighted_mean": _mean,
    "max": _max,
    "product": _product,
    "weighted_product": _weighted_product,
}


def _weights(inputs: FusionInputs, fold: int) -> np.ndarray:
    """Return (E,) weights for a fold (or `ALL`): learnt for the weighted rules, equal for the others."""
    n_experts, learn = len(inputs.tables), LEARN_WEIGHTS.get(inputs.policy.kind)
    if learn is None:
        return np.full(n_experts, 1 / n_experts, dtype=np.float32)
    rows = inputs.fit_rows(fold)
    tables = inputs.calibrated(fold, tuple(table[rows] for table in inputs.tables_of(fold)))
    return learn(tables, inputs.targets[rows], inputs.metric)


def greedy_weights(tables: list[np.ndarray], targets: np.ndarray, metric: str = "macro_f1") -> np.ndarray:
    """Return (E,) weights that sum to one: the bag of highest score; on ties the smallest bag."""
    bag = np.zeros(len(tables), dtype=np.float32)
    best_score, best = -1.0, bag
    summed, several = np.zeros_like(tables[0]), targets.ndim == 2
    for size in range(1, ROUNDS + 1):
        # the thresholds of the mean, times the number of experts in the bag
        decided = (decide(summed + table, several=several, thresholds=HALF * size) for table in tables)
        scores = [score(metric, targets, preds) for preds in decided]
        chosen = int(np.argmax(scores))
        bag[chosen] += 1
        summed = summed + tables[chosen]
        if scores[chosen] > best_score:
            best_score, best = scores[chosen], bag / bag.sum()
    return best


def log_loss_weights(tables: list[np.ndarray], targets: np.ndarray, metric: str | None = None) -> np.ndarray:
    """Return (E,) exponents, 0 or more, with which the product of the experts' (N, C) tables has the least log loss.

    Without products they are equal. `metric` is not used.
    """
    start = np.full(len(tables), 1 / len(tables), dtype=np.float32)
    if not len(targets):
        return start
    block_loss = _one_label_loss if targets.ndim == 1 else _several_labels_loss
    logits = [as_logits(table, several=targets.ndim == 2) for table in tables]
    size = max(1, BLOCK // tables[0].shape[1])
    blocks = [slice(first, first + size) for first in range(0, len(targets), size)]

    def log_loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        found = [block_loss(weights, [table[rows] for table in logits], targets[rows]) for rows in blocks]
        losses, gradients = zip(*found, strict=True)
        return sum(losses) / len(targets), sum(gradients) / len(targets)

    found = minimize(log_loss, start, jac=True, method="L-BFGS-B", bounds=[(0, LARGEST_WEIGHT)] * len(tables))
    return found.x.astype(np.float32)


def _one_label_loss(weights: np.ndarray, blocks: list[np.ndarray], targets: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the log loss of a weighted product, summed over products, and its gradient (E,), from (n, C) logs."""
    logs = np.stack(blocks).astype(np.float64)  # (E, n, C)
    own = (np.arange(logs.shape[1]), targets)
    log_probs = log_softmax(np.tensordot(weights, logs, axes=1), axis=1)  # (n, C)
    gradient = np.einsum("nc,enc->e", np.exp(log_probs), logs) - logs[:, *own].sum(axis=1)
    return -log_probs[own].sum(), gradient


def _several_labels_loss(
    weights: np.ndarray, blocks: list[np.ndarray], targets: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the log loss, summed over products and classes, and its gradient (E,), from (n, C) logits."""
    logits = np.stack(blocks).astype(np.float64)  # (E, n, C)
    summed = np.tensordot(weights, logits, axes=1)
    loss = np.logaddexp(0, np.where(targets > 0, -summed, summed)).sum()
    return loss, np.einsum("nc,enc->e", expit(summed) - (targets > 0), logits)


LEARN_WEIGHTS: dict[str, Callable[[list[np.ndarray], np.ndarray, str], np.ndarray]] = {
    "weighted_mean": greedy_weights,
    "weighted_product": log_loss_weights,
}

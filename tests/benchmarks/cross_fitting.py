"""How far policies that learn from out-of-fold probabilities are above chance where labels mean nothing.

    python tests/benchmarks/cross_fitting.py            # some minutes; --draws 40 is the default

800 made-up products in families that resemble each other, 7 classes, labels in random order; two experts (a linear
support vector machine and a logistic regression, each on features of its own) are cross-fitted in 5 folds. For each
policy: macro-F1 of its out-of-fold decisions in points, less what the same decisions get on the labels in any other
order; mean and standard error over the draws. A policy learns its decision on a product from probabilities of experts
that were trained on this product's label. In plain cross-fitting this can add a little; in nested cross-fitting
(`split.nested`) no expert that a fold's policy learns from was trained on the fold. The last line is one JSON object.
"""

import argparse
import json
from itertools import combinations

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from tqdm import tqdm

from latefusion.config import BoostingPolicy, LogisticPolicy, NetworkPolicy, PolicyConfig, RulePolicy
from latefusion.dataset.split import assign_folds
from latefusion.fusion.inputs import FusionInputs
from latefusion.fusion.training import fit_alone
from latefusion.metrics.f1 import macro_f1

N, CLASSES, FOLDS, FAMILY, FEATURES = 800, 7, 5, 4, 300
PAIR = {"experts": ("a", "b"), "n_folds": FOLDS}
POLICIES: dict[str, PolicyConfig] = {
    "product": RulePolicy(kind="product", **PAIR),
    "weighted_mean": RulePolicy(kind="weighted_mean", **PAIR),
    "weighted_product": RulePolicy(kind="weighted_product", **PAIR),
    "logistic": LogisticPolicy(kind="logistic", **PAIR),
    "logistic, log_probs": LogisticPolicy(kind="logistic", inputs="log_probs", C=0.1, **PAIR),
    "network": NetworkPolicy(batch_size=32, **PAIR),
    "boosting": BoostingPolicy(kind="boosting", trees=10, **PAIR),
}


class Experts:
    """The probabilities of two experts on one draw of labels that mean nothing."""

    def __init__(self, draw: int):
        rng = np.random.default_rng(draw)
        families = np.repeat(np.arange(N // FAMILY), FAMILY)
        self.features = [
            rng.normal(size=(N // FAMILY, FEATURES))[families] + 0.5 * rng.normal(size=(N, FEATURES)) for _ in range(2)
        ]
        self.targets = rng.permutation(np.arange(N) % CLASSES)
        self.folds = assign_folds(self.targets, FOLDS, draw)
        self.without = {pair: self._probs(pair) for pair in [*((k, k) for k in range(FOLDS)), *pairs()]}

    def _probs(self, held_out: tuple[int, int]) -> tuple[np.ndarray, ...]:
        """Return two (N, C) tables by experts that were trained on all products but those of these folds."""
        train = ~np.isin(self.folds, held_out)
        svm = LinearSVC(C=1.0).fit(self.features[0][train], self.targets[train])
        logistic = LogisticRegression(C=30.0, max_iter=300).fit(self.features[1][train], self.targets[train])
        return softmax(2 * svm.decision_function(self.features[0]), axis=1), logistic.predict_proba(self.features[1])

    def tables(self, fold: int | None = None) -> tuple[np.ndarray, ...]:
        """Return each product's row by experts trained without its fold, and without `fold` if it is given."""
        tables = tuple(np.empty((N, CLASSES), np.float32) for _ in range(2))
        for own in range(FOLDS):
            pair = (min(own, fold), max(own, fold)) if fold is not None else (own, own)
            for table, probs in zip(tables, self.without[pair], strict=True):
                table[self.folds == own] = probs[self.folds == own]
        return tables

    def inputs(self, policy: PolicyConfig, *, nested: bool) -> FusionInputs:
        by_fold = tuple(self.tables(fold) for fold in range(FOLDS)) if nested else ()
        return FusionInputs(policy, self.tables(), self.targets, self.folds, by_fold)


def pairs() -> list[tuple[int, int]]:
    return list(combinations(range(FOLDS), 2))


def above_chance(targets: np.ndarray, probs: np.ndarray) -> float:
    """Return points of macro-F1 above what the same decisions get on the labels in any other order."""
    rng, preds = np.random.default_rng(0), probs.argmax(axis=1)
    shuffled = [macro_f1(rng.permutation(targets), preds) for _ in range(100)]
    return 100 * (macro_f1(targets, preds) - np.mean(shuffled))


def with_error(values: list[float]) -> str:
    """Return a mean with its standard error."""
    return f"{np.mean(values):+.2f} ± {np.std(values, ddof=1) / len(values) ** 0.5:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=40)
    args = parser.parse_args()
    figures: dict[str, list[float]] = {}
    for draw in tqdm(range(args.draws), "draws"):
        experts = Experts(draw)
        for name, table in zip(("expert a", "expert b"), experts.tables(), strict=True):
            figures.setdefault(name, []).append(above_chance(experts.targets, table))
        for name, policy in POLICIES.items():
            for way in ("plain", "nested"):
                probs = fit_alone(experts.inputs(policy, nested=way == "nested")).oof_probs
                figures.setdefault(f"{name}, {way}", []).append(above_chance(experts.targets, probs))
    print("| policy | cross-fitted | nested |\n|---|---|---|")
    for name in ("expert a", "expert b"):
        print(f"| {name} | {with_error(figures[name])} | |")
    for name in POLICIES:
        print(f"| {name} | {with_error(figures[f'{name}, plain'])} | {with_error(figures[f'{name}, nested'])} |")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""How far a validation product's own label moves its own out-of-fold probabilities, and what scores gain by it.

    python tests/benchmarks/honesty.py                    # ten minutes or so; --draws 24 is the default

On noise: experts' probabilities are drawn at random, and labels have nothing to do with them. 800 products, 8 classes,
8 folds, two experts. Two questions for each policy:

- *moves*: the label of one product is changed and all is learnt again; of how many products does the own row move?
- *above chance*: macro-F1 of the out-of-fold decisions in points, less what they get on the labels in any other order;
  mean and standard error of the draws. A little below zero is honest too: folds are dealt by class, so a class that is
  rare in a fold was learnt as frequent from the others.

First with given tables of probabilities: nothing may move. Then with experts that choose an epoch: networks that never
learn and guess anew in each of 20 epochs, each fold's row by the epoch that is best on the other folds. An expert's own
rows do not move; a policy's do, for the rows that it learns from are by epochs which the left-out product's label
helped to choose. The last column is what that adds to the score: the same policy on the experts' last epoch, which
nothing chose, draw by draw. The last line is one JSON object with every draw.
"""

import argparse
import json
from collections.abc import Callable
from functools import partial

import numpy as np

from latefusion.config import BoostingPolicy, LogisticPolicy, NetworkPolicy, RulePolicy
from latefusion.dataset.split import assign_folds
from latefusion.fusion.inputs import FusionInputs
from latefusion.fusion.training import fit_alone
from latefusion.metrics.f1 import macro_f1
from latefusion.metrics.selection import CrossSelection

N, CLASSES, FOLDS, EPOCHS, CHANGED = 800, 8, 8, 20, 60
PAIR = {"experts": ("a", "b"), "n_folds": FOLDS}
POLICIES = {
    "one_layer": NetworkPolicy(**PAIR),
    "two_layers": NetworkPolicy(layers=2, **PAIR),
    "one_layer, lr 0.05": NetworkPolicy(lr=0.05, **PAIR),
    "calibrated": NetworkPolicy(calibrate=True, **PAIR),
    "weighted_mean": RulePolicy(kind="weighted_mean", **PAIR),
    "logistic": LogisticPolicy(kind="logistic", **PAIR),
    "boosting": BoostingPolicy(kind="boosting", trees=4, **PAIR),
}


class Noise:
    """One draw: labels, folds, and what two experts say in each epoch."""

    def __init__(self, draw: int):
        rng = np.random.default_rng(draw)
        self.targets = rng.integers(CLASSES, size=N)
        self.folds = assign_folds(self.targets, FOLDS, 0)
        self.epochs = rng.dirichlet(np.full(CLASSES, 0.3), (2, EPOCHS, N)).astype(np.float32)
        self.changed = rng.choice(N, CHANGED, replace=False)

    def given(self, targets: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the experts' probabilities in their last epoch, whatever the labels."""
        return tuple(self.epochs[:, -1])

    def chosen(self, targets: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the experts' probabilities, each fold's by the epoch that is best on the others."""
        return tuple(self.expert(targets, number) for number in range(2))

    def expert(self, targets: np.ndarray, number: int = 0) -> np.ndarray:
        selection = CrossSelection(targets, self.folds, CLASSES)
        for probs in self.epochs[number]:
            selection.add(probs)
        return selection.probs

    def policy(self, targets: np.ndarray, policy, way: str) -> np.ndarray:
        """Return a policy's out-of-fold probabilities on tables that are `given` or `chosen`."""
        return fit_alone(FusionInputs(policy, getattr(self, way)(targets), targets, self.folds)).oof_probs


def moved(noise: Noise, rows: Callable[[np.ndarray], np.ndarray], n_products: int) -> float:
    """Return the share of products whose own row moves with their label."""
    before, found = rows(noise.targets), []
    for product in noise.changed[:n_products]:
        targets = noise.targets.copy()
        targets[product] = (targets[product] + 1) % CLASSES
        found.append(not np.array_equal(before[product], rows(targets)[product]))
    return float(np.mean(found))


def above_chance(targets: np.ndarray, probs: np.ndarray) -> float:
    """Return points of macro-F1 above what the same decisions get on the labels in any other order."""
    rng, preds = np.random.default_rng(0), probs.argmax(axis=1)
    shuffled = [macro_f1(rng.permutation(targets), preds) for _ in range(100)]
    return 100 * (macro_f1(targets, preds) - np.mean(shuffled))


def with_error(values: list[float]) -> str:
    """Return a mean with its standard error."""
    return f"{np.mean(values):+.2f} +- {np.std(values, ddof=1) / len(values) ** 0.5:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=24)
    parser.add_argument("--products", type=int, default=CHANGED, help="whose label is changed, one at a time")
    args = parser.parse_args()
    draws = [Noise(draw) for draw in range(args.draws)]
    own = moved(draws[0], draws[0].expert, args.products)
    honest = [above_chance(noise.targets, noise.expert(noise.targets)) for noise in draws]
    best = [max(above_chance(noise.targets, probs) for probs in noise.epochs[0]) for noise in draws]
    print(f"expert, each fold by the epoch best on the others: {own:.0%} move, {with_error(honest)} above chance")
    print(f"expert, by the epoch best on all, not used for scores: {with_error(best)} above chance\n")
    print("| policy | given: moves | above chance | epochs chosen: moves | above chance | more than given |")
    print("|---|---|---|---|---|---|")
    figures = {"expert": honest, "expert_best": best}
    for name, policy in POLICIES.items():
        cells = []
        for way in ("given", "chosen"):
            share = moved(draws[0], partial(draws[0].policy, policy=policy, way=way), args.products)
            scores = [above_chance(noise.targets, noise.policy(noise.targets, policy, way)) for noise in draws]
            figures[f"{name}, {way}"] = scores
            cells += [f"{share:.0%}", with_error(scores)]
        more = np.subtract(figures[f"{name}, chosen"], figures[f"{name}, given"]).tolist()
        print(f"| {name} | {' | '.join(cells)} | {with_error(more)} |", flush=True)
    print(json.dumps({name: [round(value, 3) for value in values] for name, values in figures.items()}))


if __name__ == "__main__":
    main()

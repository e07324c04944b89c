"""Several labels at the size of the Walmart paper: 2,890 classes, 100,000 products, about 3 labels each.

    python tests/benchmarks/many_labels.py                # minutes; --products 10000 for a quick look

Everything is generated: titles of words that depend on the labels a little, and probability tables of two experts for a
tenth of the products to learn from and a tenth to decide on. Of each stage: the seconds of ours, those of the plain way
of doing the same work in the same process where there is one, and the peak of memory since the start. The last line is
one JSON object with the figures.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from latefusion.config import NetworkPolicy, PolicyConfig, RulePolicy, Split, TextCnnExpert
from latefusion.config.fusion import RidgePolicy, SelectPolicy
from latefusion.dataset.split import split_products
from latefusion.experts.text.text_cnn import TextCnn
from latefusion.fusion.deciding import decide
from latefusion.fusion.inputs import FusionInputs
from latefusion.fusion.training import fit_alone
from latefusion.metrics.decisions import decide as decide_labels
from latefusion.metrics.decisions import is_right
from latefusion.metrics.label_thresholds import LabelThresholds
from latefusion.scores.intervals import scores_of_draws
from latefusion.tables.dataset import Dataset
from latefusion.training.objective import SeveralLabels

CLASSES, MEAN_LABELS, WORDS, LENGTH, BATCH, Q = 2_890, 3, 50_000, 40, 128, 30.0
POLICIES: dict[str, PolicyConfig] = {
    "select, top 3": SelectPolicy(kind="select", experts=("text", "image")),
    "mean": RulePolicy(kind="mean", experts=("text", "image")),
    "max": RulePolicy(kind="max", experts=("text", "image")),
    "ridge": RidgePolicy(kind="ridge", experts=("text", "image")),
    "network, all probabilities, 1 epoch": NetworkPolicy(experts=("text", "image"), epochs=1, n_folds=2),
}


def draw_labels(rng: np.random.Generator, n: int) -> list[list[int]]:
    """Return the class numbers of n products; class sizes fall as in Zipf's law."""
    popularity = 1 / np.arange(1, CLASSES + 1)
    numbers = 1 + rng.poisson(MEAN_LABELS - 1, n)
    drawn = rng.choice(CLASSES, numbers.sum(), p=popularity / popularity.sum())
    labels = [np.unique(part) for part in np.split(drawn, np.cumsum(numbers)[:-1])]
    return [part.tolist() for part in labels]


def make_products(labels: list[list[int]]) -> pd.DataFrame:
    names = ["\n".join(f"class {number:04d}" for number in one) for one in labels]
    index = pd.Index([f"p{number}" for number in range(len(labels))], name="id")
    return pd.DataFrame({"label": pd.Series(names, index, dtype="str"), "split": None, "fold": pd.NA}, index)


def draw_probs(rng: np.random.Generator, targets: np.ndarray) -> np.ndarray:
    """Return (N, C) float32: in two thirds of the products the labels are likely, else others are."""
    logits = rng.standard_normal(targets.shape, dtype=np.float32) - 6
    seen = rng.random(len(targets)) < 2 / 3
    logits[seen] += 7 * targets[seen]
    return torch.from_numpy(logits).sigmoid().numpy()


class Stages:
    """Times of the stages, printed one by one."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, float | None]] = {}
        print(f"{'stage':42} {'ours s':>8} {'plain s':>8} {'ratio':>6} {'peak MiB':>9}")

    def add(self, name: str, ours: Callable, plain: Callable | None = None) -> object:
        """Run and time both, ours first; return what ours returns."""
        start = time.perf_counter()
        result = ours()
        seconds = time.perf_counter() - start
        peak, other = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, None
        if plain is not None:
            start = time.perf_counter()
            plain()
            other = time.perf_counter() - start
        self.rows[name] = {"ours": seconds, "plain": other, "peak_mib": peak}
        cells = ("", "") if other is None else (f"{other:.2f}", f"{other / seconds:.1f}x")
        print(f"{name:42} {seconds:8.2f} {cells[0]:>8} {cells[1]:>6} {peak:9.0f}", flush=True)
        return result


def training_steps(rng: np.random.Generator, targets: np.ndarray, loss: Callable) -> Callable[[], None]:
    """Return a function that trains the paper's text CNN for five batches, with this loss."""
    expert = TextCnnExpert(kind="text_cnn", reads="title", max_words=LENGTH)
    model = TextCnn(expert, WORDS, CLASSES)
    optimizer = torch.optim.Adam(model.parameters(), lr=expert.train.lr)
    words = torch.from_numpy(rng.integers(2, WORDS, (BATCH, LENGTH)))

    def run() -> None:
        for step in range(5):
            labels = torch.from_numpy(targets[step * BATCH : (step + 1) * BATCH])
            optimizer.zero_grad()
            loss(model(words)["logits"], labels).backward()
            optimizer.step()

    return run


def plain_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The formula as it is printed, which overflows where a sigmoid rounds to 0."""
    probs, labels = logits.sigmoid(), labels.float()
    return -(Q * labels * probs.log() + (1 - labels) * (1 - probs).log()).mean()


def draws_of(rng: np.random.Generator, n: int, number: int) -> Iterator[np.ndarray]:
    for _ in range(number):
        yield rng.integers(n, size=n)


def score_plainly(targets: np.ndarray, methods: np.ndarray, rows: list[np.ndarray]) -> None:
    for preds in methods:
        for drawn in rows:
            for average in ("micro", "macro", "weighted"):
                f1_score(targets[drawn] > 0, preds[drawn] > 0, average=average, zero_division=0)
            is_right(targets[drawn], preds[drawn]).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--draws", type=int, default=5, help="resamples of the bootstrap, for both ways")
    args = parser.parse_args()
    rng, stages = np.random.default_rng(0), Stages()
    labels = draw_labels(rng, args.products)
    classes = [f"class {number:04d}" for number in range(CLASSES)]
    dataset = Dataset(make_products(labels), classes, Split(valid_fraction=0.1, test_fraction=0.1), several=True)
    targets = stages.add(
        "labels as a matrix",
        lambda: dataset.targets(dataset.products),
        lambda: MultiLabelBinarizer(classes=range(CLASSES)).fit_transform(labels),
    )
    splits = stages.add("stratified split", lambda: split_products(dataset.products, dataset.split, several=True))
    stages.add(
        "five training steps of the text CNN",
        training_steps(rng, targets, SeveralLabels(Q).loss),
        training_steps(rng, targets, plain_loss),
    )
    learnt, test = (targets[(splits == name).to_numpy()] for name in ("valid", "test"))
    tables = [tuple(draw_probs(rng, part) for _ in range(2)) for part in (learnt, test)]
    folds = stages.add("folds", lambda: dataset.folds(dataset.products[(splits == "valid").to_numpy()], 8, seed=0))
    decided = []
    for name, policy in POLICIES.items():
        inputs = FusionInputs(policy, tables[0], learnt, folds % policy.n_folds, metric="accuracy")
        fitted = stages.add(f"fit: {name}", lambda inputs=inputs: fit_alone(inputs))
        preds, _ = stages.add(f"decide: {name}", lambda fitted=fitted: decide(fitted, tables[1]))
        decided.append(preds)
    stages.add("calibrated thresholds", lambda: LabelThresholds.calibrated(tables[0][0], learnt, folds))
    tuned = stages.add("tuned thresholds", lambda: LabelThresholds.tuned(tables[0][0], learnt, folds, "micro_f1"))
    decided.append(tuned.decide(tables[1][0]))
    methods = np.stack([*decided, decide_labels(tables[1][0], several=True)])
    rows = list(draws_of(rng, len(test), args.draws))
    counts = np.stack([np.bincount(drawn, minlength=len(test)) for drawn in rows]).astype(np.float32)
    stages.add(
        f"scores of {len(methods)} methods, {args.draws} resamples",
        lambda: scores_of_draws(counts, test, methods, CLASSES),
        lambda: score_plainly(test, methods, rows),
    )
    print(json.dumps({"products": args.products, "classes": CLASSES, "stages": stages.rows}))


if __name__ == "__main__":
    main()

"""Made-up results of an experiment: tables of experts and policies that nothing has trained."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latefusion.config import Experiment
from latefusion.plan.jobs import Job
from latefusion.plan.planning import plan
from latefusion.scores.results import Results
from latefusion.scores.submitted import submit
from latefusion.tables.dataset import Dataset
from latefusion.tables.predictions import write_predictions
from latefusion.tables.probabilities import write_probs
from latefusion.utils.files import read_json, write_json

CNN = {"kind": "cnn", "model": "resnet10t", "pretrained": False}
CONFIG = {
    "name": "made",
    "catalogue": {"format": "table", "root": "."},
    "experts": {"words": {"kind": "tfidf"}, "letters": {"kind": "tfidf"}, "images": CNN},
    "policies": {
        "product": {"kind": "product", "experts": ["words", "images"]},
        "all_product": {"kind": "product", "experts": ["words", "letters", "images"]},
        "weighted_mean": {"kind": "weighted_mean", "experts": ["words", "images"]},
        "logistic": {"kind": "logistic", "experts": ["words", "images"]},
        "boosting": {"kind": "boosting", "experts": ["words", "images"]},
        "network": {"experts": ["words", "images"]},
        "other_network": {"experts": ["letters", "images"]},
    },
    "submit": "best",
}
SEVERAL = {
    "catalogue": CONFIG["catalogue"] | {"labels": "several", "label_separator": "|"},
    "policies": {name: policy for name, policy in CONFIG["policies"].items() if name != "boosting"},
}
RECORD = {"fingerprint": "", "script": "08_vote.py", "inputs": {}, "run": None, "files": {}, "environment": {}}


def draw_labels(n: int, num_classes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(num_classes, size=n)


def draw_label_sets(n: int, num_classes: int, seed: int = 0) -> np.ndarray:
    """Return (N, C) int8: one to three labels of each product, the first classes more often."""
    rng = np.random.default_rng(seed)
    order = np.argsort(rng.random((n, num_classes)) * np.linspace(0.5, 1.5, num_classes), axis=1)
    targets = np.zeros((n, num_classes), dtype=np.int8)
    np.put_along_axis(targets, order[:, :3], (np.arange(3) < rng.integers(1, 4, n)[:, None]).astype(np.int8), axis=1)
    return targets


def draw_probs(
    targets: np.ndarray, accuracy: float, *, num_classes: int, seed: int, confidence: float | np.ndarray = 0.8
):
    """Return (N, C) probabilities whose highest class is the label for a share `accuracy` of the products.

    Of several labels, a share `accuracy` of them has a probability of at least a half, and about as many others have.
    `confidence` is one for all products, or of one label (N,).
    """
    rng, n = np.random.default_rng(seed), len(targets)
    if targets.ndim == 2:
        share = (targets > 0).sum() / targets.size * (1 - accuracy)
        shown = np.where(
            rng.random(targets.shape) < np.where(targets > 0, 1 - accuracy, share), targets <= 0, targets > 0
        )
        low, high = rng.uniform(0.02, 0.45, targets.shape), rng.uniform(0.5, 0.5 + confidence / 2, targets.shape)
        return np.where(shown, high, low).astype(np.float32)
    wrong = (targets + rng.integers(1, num_classes, size=n)) % num_classes
    preds = np.where(rng.permutation(n) < round(accuracy * n), targets, wrong)
    probs = rng.dirichlet(np.full(num_classes, 5.0), n) * (1 - np.broadcast_to(confidence, n)[:, None])
    probs[np.arange(n), preds] += confidence
    return probs.astype(np.float32)


@dataclass(frozen=True)
class MadeUp:
    """An experiment in the current folder, with `n` validation and `n` test products."""

    experiment: Experiment
    dataset: Dataset

    @property
    def targets(self) -> dict[str, np.ndarray]:
        return {split: self.dataset.targets(table) for split, table in self.dataset.evaluation_splits.items()}

    @property
    def results(self) -> Results:
        return Results(self.experiment, self.dataset)

    def with_test_labels(self, change: Callable[[pd.Series], object]) -> "MadeUp":
        """Return the same experiment with other labels of its test products; the tables stay."""
        products = self.dataset.products.copy()
        of_test = products["split"] == "test"
        products.loc[of_test, "label"] = change(products.loc[of_test, "label"])
        dataset = replace(self.dataset, products=products)
        return MadeUp(self.experiment, dataset)

    def folder(self, name: str) -> Path:
        kind = "experts" if name in self.experiment.experts else "policies"
        return self.experiment.run_root / ("vote" if name == "vote" else f"{kind}/{name}")

    def write(self, name: str, probs: dict[str, np.ndarray], preds: dict[str, np.ndarray] | None = None) -> None:
        """Leave the tables of a finished job; decisions are by default the classes of highest probability."""
        write_json(self.folder(name) / "job.json", RECORD)
        for split, table in probs.items():
            ids = self.dataset.evaluation_splits[split].index
            if name in self.experiment.experts:
                path = self.folder(name) / f"{split}_probs.parquet"
                write_probs(path, ids, table, self.dataset.classes, several=self.dataset.several)
            else:
                decided = self.dataset.decide(table) if preds is None else preds[split]
                write_predictions(self.folder(name), split, ids, decided, table, self.dataset.classes)

    def draw(self, name: str, accuracy: float, *, seed: int = 0, confidence: float | np.ndarray = 0.8) -> None:
        """Leave tables of this accuracy, on both splits."""
        num_classes = len(self.dataset.classes)
        tables = {
            split: draw_probs(targets, accuracy, num_classes=num_classes, seed=seed + number, confidence=confidence)
            for number, (split, targets) in enumerate(self.targets.items())
        }
        self.write(name, tables)

    def submit(self) -> Job:
        """Do the job `submission`."""
        job = plan(self.experiment)["submission"]
        submit(self.experiment, self.dataset, job)
        write_json(job.run_dir / "job.json", RECORD)
        return job

    @property
    def facts(self) -> dict:
        return read_json(self.experiment.run_root / "submission/metrics.json")


def make_up(folder: Path, patch: pytest.MonkeyPatch, *, n: int = 300, num_classes: int = 4, **config) -> MadeUp:
    """Return an experiment in `folder`, which becomes the current one; its jobs with a folder count as done.

    Products have several labels if the config says so (`SEVERAL`).
    """
    patch.chdir(folder)
    patch.setattr(Results, "done", property(_with_a_folder))
    patch.setattr("latefusion.scores.write.read_current", lambda experiment, done: None)
    # Its jobs have no records.
    patch.setattr("latefusion.scores.write.describe_inputs", lambda experiment, done: "")
    patch.setattr("latefusion.scores.write.write_current", lambda experiment, made_from: None)
    experiment = Experiment.model_validate(CONFIG | config)
    draw = draw_label_sets if experiment.several else draw_labels
    numbers = np.concatenate([draw(n, num_classes), draw(n, num_classes, seed=1)])
    classes = np.array([f"class {number:03}" for number in range(num_classes)])
    labels = classes[numbers] if numbers.ndim == 1 else ["\n".join(classes[row > 0]) for row in numbers]
    products = pd.DataFrame(
        {
            "title": "product",
            "label": pd.Series(labels, dtype="str"),
            "split": ["valid"] * n + ["test"] * n,
            "group": np.arange(2 * n),
        }
    )
    products.index = pd.Index([f"p{number}" for number in range(2 * n)], name="id")
    known = sorted(set("\n".join(labels).split("\n")))
    return MadeUp(experiment, Dataset(products, known, experiment.split, experiment.several))


def _with_a_folder(results: Results) -> set[str]:
    return {key for key, job in plan(results.experiment).items() if (job.run_dir / "job.json").is_file()}

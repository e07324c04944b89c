"""Made-up results of an experiment: tables of experts and policies that nothing has trained."""

from collections.abc import Callable
from dataclasses import dataclass
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
RECORD = {"fingerprint": "", "script": "08_vote.py", "inputs": {}, "run": None, "files": {}, "environment": {}}


def draw_labels(n: int, num_classes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(num_classes, size=n)


def draw_probs(targets: np.ndarray, accuracy: float, *, num_classes: int, seed: int, confidence: float = 0.8):
    """Return (N, C) probabilities whose highest class is the label for a share `accuracy` of the products."""
    rng, n = np.random.default_rng(seed), len(targets)
    wrong = (targets + rng.integers(1, num_classes, size=n)) % num_classes
    preds = np.where(rng.permutation(n) < round(accuracy * n), targets, wrong)
    probs = rng.dirichlet(np.full(num_classes, 5.0), n) * (1 - confidence)
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
        return MadeUp(self.experiment, Dataset(products, self.dataset.classes, self.dataset.split))

    def folder(self, name: str) -> Path:
        kind = "experts" if name in self.experiment.experts else "policies"
        return self.experiment.run_root / ("vote" if name == "vote" else f"{kind}/{name}")

    def write(self, name: str, probs: dict[str, np.ndarray], preds: dict[str, np.ndarray] | None = None) -> None:
        """Leave the tables of a finished job; decisions are by default the classes of highest probability."""
        write_json(self.folder(name) / "job.json", RECORD)
        for split, table in probs.items():
            ids = self.dataset.evaluation_splits[split].index
            if name in self.experiment.experts:
                write_probs(self.folder(name) / f"{split}_probs.parquet", ids, table, self.dataset.classes)
            else:
                decided = table.argmax(axis=1) if preds is None else preds[split]
                write_predictions(self.folder(name), split, ids, decided, table, self.dataset.classes)

    def draw(self, name: str, accuracy: float, *, seed: int = 0, confidence: float = 0.8) -> None:
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
    """Return an experiment in `folder`, which becomes the current one; its jobs with a folder count as done."""
    patch.chdir(folder)
    patch.setattr(Results, "done", property(_with_a_folder))
    patch.setattr("latefusion.scores.write.read_current", lambda experiment, done: None)
    # Its jobs have no records.
    patch.setattr("latefusion.scores.write.describe_inputs", lambda experiment, done: "")
    patch.setattr("latefusion.scores.write.write_current", lambda experiment, made_from: None)
    numbers = np.r_[draw_labels(n, num_classes), draw_labels(n, num_classes, seed=1)]
    products = pd.DataFrame(
        {
            "title": "product",
            "label": pd.Series([f"class {number:03}" for number in numbers], dtype="str"),
            "split": ["valid"] * n + ["test"] * n,
            "group": np.arange(2 * n),
        }
    )
    products.index = pd.Index([f"p{number}" for number in range(2 * n)], name="id")
    experiment = Experiment.model_validate(CONFIG | config)
    return MadeUp(experiment, Dataset(products, sorted(set(products["label"])), experiment.split))


def _with_a_folder(results: Results) -> set[str]:
    return {key for key, job in plan(results.experiment).items() if (job.run_dir / "job.json").is_file()}

"""Hand-written parts beside the libraries that could do their work: docs/architecture.md has what was decided.

    pip install scikit-multilearn iterative-stratification ImageHash torchmetrics clevercsv filelock
    OMP_NUM_THREADS=1 python tests/benchmarks/libraries.py [PART ...]        # a minute

In an environment of its own: none of these is needed otherwise, and a library that is not installed is left out. Times
are seconds of the processor, which other processes on the machine hardly change. The last line is one JSON object.
"""

import argparse
import csv
import io
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from scipy.sparse import csr_array
from scipy.special import log_softmax
from scipy.stats import bootstrap as scipy_bootstrap
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import f1_score

from latefusion.catalogue.quoting import Record
from latefusion.catalogue.separator import find_delimiter
from latefusion.dataset.split import assign_folds
from latefusion.images.perceptual_hash import image_hash, read_grey
from latefusion.metrics.calibration import fit_temperature
from latefusion.metrics.f1 import macro_f1
from latefusion.scores.intervals import bootstrap
from latefusion.utils.locks import locked

Row = dict[str, str | float]
RNG = np.random.default_rng(0)


def timed(function: Callable, *arguments) -> tuple[object, float]:
    began = time.process_time()
    result = function(*arguments)
    return result, round(time.process_time() - began, 4)


def stratification() -> Iterator[Row]:
    """2,000 products with about 3 of 60 labels, 5 folds: how far a label's products in a fold are from a fifth."""
    labels = (RNG.random((2000, 60)) < np.geomspace(0.3, 0.003, 60)).astype(int)
    labels[labels.sum(axis=1) == 0, 0] = 1

    def by(splitter) -> np.ndarray:
        folds = np.empty(len(labels), dtype=int)
        for fold, (_, held_out) in enumerate(splitter.split(np.zeros((len(labels), 1)), labels)):
            folds[held_out] = fold
        return folds

    ways: dict[str, Callable] = {"latefusion": lambda: assign_folds(csr_array(labels), 5, 0)}
    with suppress(ImportError):
        from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

        ways["iterative-stratification"] = lambda: by(MultilabelStratifiedKFold(5, shuffle=True, random_state=0))
    with suppress(ImportError):
        from skmultilearn.model_selection import IterativeStratification

        ways["scikit-multilearn"] = lambda: by(IterativeStratification(n_splits=5, order=1))
    for name, way in ways.items():
        folds, seconds = timed(way)
        counts = np.stack([labels[folds == fold].sum(axis=0) for fold in range(5)])
        sizes = np.bincount(folds, minlength=5)
        yield {
            "library": name, "seconds": seconds, "smallest fold": int(sizes.min()), "largest fold": int(sizes.max()),
            "products off, mean": round(float(np.abs(counts - labels.sum(axis=0) / 5).mean()), 3),
            "products off, most": round(float(np.abs(counts - labels.sum(axis=0) / 5).max()), 1),
        }  # fmt: skip


def intervals() -> Iterator[Row]:
    """The 95 % interval of macro-F1 on 1,000 products of 27 classes, 1,000 draws."""
    targets = RNG.integers(27, size=1000)
    preds = np.where(RNG.random(1000) < 0.8, targets, RNG.integers(27, size=1000))
    draws, seconds = timed(lambda: bootstrap(targets, [preds] * 12, 27)["macro_f1"])
    yield {"library": "latefusion, all metrics of 12 methods", "seconds": seconds, "width": _width(draws[0])}

    def by_scipy():
        return scipy_bootstrap(
            (targets, preds), lambda one, other: f1_score(one, other, average="macro", zero_division=0), paired=True,
            vectorized=False, n_resamples=1000, method="percentile", rng=0,
        )  # fmt: skip

    result, seconds = timed(by_scipy)
    yield {
        "library": "scipy.stats.bootstrap of scikit-learn's f1_score, one method", "seconds": seconds,
        "width": _width(result.bootstrap_distribution),
    }  # fmt: skip


def _width(draws: np.ndarray) -> float:
    low, high = np.quantile(draws, [0.025, 0.975])
    return round(float(high - low), 4)


def f1() -> Iterator[Row]:
    """Macro-F1 of 1,000 products of 27 classes, 200 times: as often as policy networks have epochs and folds."""
    targets, preds = RNG.integers(27, size=(2, 1000))
    ways: dict[str, Callable] = {
        "latefusion": lambda: macro_f1(targets, preds),
        "scikit-learn": lambda: f1_score(targets, preds, average="macro"),
    }
    with suppress(ImportError):
        import torch
        from torchmetrics.functional.classification import multiclass_f1_score

        one, other = torch.from_numpy(preds), torch.from_numpy(targets)
        ways["torchmetrics"] = lambda: multiclass_f1_score(one, other, 27, average="macro").item()
    for name, way in ways.items():
        way()
        value, seconds = timed(lambda way=way: [way() for _ in range(200)][-1])
        yield {"library": name, "seconds": seconds, "macro_f1": round(float(value), 6)}


def hashes() -> Iterator[Row]:
    """200 made-up JPEG images of 1,000 pixels: time per image; bits that change at half the size and quality 50."""
    images = [cv2.GaussianBlur(RNG.integers(0, 255, (1000, 1000, 3), np.uint8), (0, 0), 12) for _ in range(20)]
    images = [cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX) for image in images]
    files = [cv2.imencode(".jpg", image)[1] for image in images]
    small = [cv2.imencode(".jpg", cv2.resize(image, (500, 500)), [cv2.IMWRITE_JPEG_QUALITY, 50])[1] for image in images]
    ways: dict[str, Callable] = {"latefusion": lambda file: image_hash(read_grey(file))}
    with suppress(ImportError):
        import imagehash
        from PIL import Image

        ways["ImageHash"] = lambda file: int(str(imagehash.phash(Image.open(io.BytesIO(file.tobytes())))), 16)
    for name, way in ways.items():
        way(files[0])
        found, seconds = timed(lambda way=way: [way(file) for file in files])
        changed = [(one ^ way(file)).bit_count() for one, file in zip(found, small, strict=True)]
        yield {"library": name, "seconds per image": round(seconds / len(files), 4), "bits": float(np.mean(changed))}


class _Logits(ClassifierMixin, BaseEstimator):
    """A classifier whose features are its logits."""

    def fit(self, features, targets):
        self.classes_ = np.unique(targets)
        return self

    def decision_function(self, features):
        return features

    def predict(self, features):
        return self.classes_[features.argmax(axis=1)]


def calibration() -> Iterator[Row]:
    """The temperature of 2,000 products of 27 classes whose logits are three times too large."""
    logits = RNG.normal(size=(2000, 27))
    targets = np.array([RNG.choice(27, p=np.exp(row)) for row in log_softmax(logits, axis=1)])
    logits = 3 * logits
    (temperature, loss), seconds = timed(fit_temperature, logits, targets)
    yield {"library": "latefusion", "seconds": seconds, "temperature": round(temperature, 3), "loss": round(loss, 5)}
    estimator = FrozenEstimator(_Logits().fit(logits, targets))
    fitted, seconds = timed(CalibratedClassifierCV(estimator, method="temperature").fit, logits, targets)
    probs = fitted.predict_proba(logits)
    loss = float(-np.log(probs[np.arange(2000), targets]).mean())
    yield {"library": "scikit-learn", "seconds": seconds, "loss": round(loss, 5)}


def locks() -> Iterator[Row]:
    """Whether a lock is free after its process was killed while a process that it had forked goes on."""
    ways: dict[str, Callable] = {"latefusion": lambda path: locked(path)}
    with suppress(ImportError):
        from filelock import FileLock

        ways["filelock"] = lambda path: FileLock(path, timeout=0)
    for name, way in ways.items():
        with TemporaryDirectory() as folder:
            yield {"library": name, "free after a kill": _is_free_after_kill(way, Path(folder) / "lock")}


def _is_free_after_kill(way: Callable, path: Path) -> str:
    reading, writing = os.pipe()
    parent = os.fork()
    if parent == 0:
        with way(path):
            child = os.fork()
            if child == 0:
                time.sleep(3)  # as a worker that loads batches
                os._exit(0)
            os.write(writing, b"held")
            time.sleep(60)
    os.read(reading, 4)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    try:
        with way(path):
            return "yes"
    except Exception:
        return "no"


def separators() -> Iterator[Row]:
    """300 made-up tables whose titles hold other separators: of how many the separator is found."""
    tables = [_table(str(RNG.choice([",", ";", "\t", "|"]))) for _ in range(300)]

    def own(text: str) -> str:
        def split(delimiter: str) -> Iterator[Record]:
            reader = csv.reader(io.StringIO(text), delimiter=delimiter, quoting=csv.QUOTE_NONE)
            for number, cells in enumerate(reader, 1):
                yield Record(number, [], cells)

        return find_delimiter(split, ",")

    ways: dict[str, Callable] = {"latefusion": own, "csv.Sniffer": lambda text: csv.Sniffer().sniff(text).delimiter}
    with suppress(ImportError):
        import clevercsv

        ways["clevercsv"] = lambda text: clevercsv.Sniffer().sniff(text).delimiter
    for name, way in ways.items():
        found, seconds = timed(lambda way=way: [_try(way, text) for text, _ in tables])
        right = sum(one == delimiter for one, (_, delimiter) in zip(found, tables, strict=True))
        yield {"library": name, "right": right, "of": len(tables), "seconds": seconds}


def _try(way: Callable, text: str) -> str | None:
    try:
        return way(text)
    except csv.Error:  # csv.Sniffer finds nothing
        return None


def _table(delimiter: str) -> tuple[str, str]:
    """Return a table of 20 products without quotation marks, and its separator, which no cell holds."""
    words = [
        f"{word}{mark}" for word in ("lamp", "mug", "shoe", "oak desk", "A4") for mark in (",", ";", " |", "", ".")
    ]
    words = [word for word in words if delimiter not in word]
    rows = [(f"p{number}", " ".join(RNG.choice(words, 6)), str(RNG.choice(["a", "b", "c d"]))) for number in range(20)]
    return "\n".join(delimiter.join(row) for row in [("id", "title", "label"), *rows]), delimiter


PARTS = {
    "stratification": stratification, "intervals": intervals, "f1": f1, "hashes": hashes, "calibration": calibration,
    "locks": locks, "separators": separators,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="which comparisons; all without any")
    found = {name: list(PARTS[name]()) for name in parser.parse_args().parts or PARTS}
    for name, rows in found.items():
        print(f"\n{name}")
        for row in rows:
            print("  " + ", ".join(f"{key} {value}" for key, value in row.items()))
    print(f"\n{json.dumps(found)}")


if __name__ == "__main__":
    main()

"""Predictions of long tables of new products: memory and speed of 13_predict_new.py, beside scikit-learn's `predict`.

    python tests/benchmarks/new_products.py [--rows 10000 100000 1000000]

Trains TF-IDF of words and a mean of it, the cheapest method there is, on a made-up catalogue of 4,000 titles, exports
it, and predicts tables of each length, from CSV to CSV, each in a process of its own, whose peak memory is taken. Then,
in one process and on the titles of the shortest table: scikit-learn's `LinearSVC.predict` on the matrix of features,
our probabilities from the same matrix, and the vectorizer that both need before. The last line is one JSON object.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from sklearn.svm import LinearSVC
from texts import draw_products

from latefusion.config import TfidfExpert
from latefusion.experts.text.tfidf import TfidfClassifier, texts

SRC = Path(__file__).parents[2] / "src"
STEPS = ("01_prepare", "02_train_text", "07_fuse", "08_vote", "09_predict", "12_export_model")
CLASSES, DISTINCT = 27, 50_000  # titles; longer tables repeat them under other ids
CONFIG = {
    "catalogue": {"format": "table", "root": ".", "columns": {"label": "label", "description": None, "image": None}},
    "split": {"valid_fraction": 0.2, "test_fraction": 0.1},
    "experts": {"tfidf": {"kind": "tfidf", "char_ngrams": None, "regularisation": [1.0]}},
    "policies": {"mean": {"kind": "mean", "experts": ["tfidf"]}},
    "submit": "best",
}


def run(folder: Path, script: str, *arguments: str) -> tuple[float, float]:
    """Run a numbered script; return its seconds and its peak memory in MiB."""
    started = time.perf_counter()
    command = [sys.executable, str(SRC / f"{script}.py"), *arguments]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{script} failed:\n{said}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def write_new(folder: Path, titles: list[str], n_rows: int) -> None:
    """Write the table of new products."""
    with (folder / "new.csv").open("w") as file:
        file.write("id,title\n")
        for row in range(n_rows):
            file.write(f"n{row},{titles[row % len(titles)]}\n")


def best_of(function: Callable[[], object], times: int = 3) -> float:
    """Return the least seconds that a function takes."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def compare(model: Path, titles: list[str]) -> dict[str, float]:
    """Return rows per second of scikit-learn and of us on the same matrix."""
    expert = TfidfExpert(**CONFIG["experts"]["tfidf"])
    classifier = TfidfClassifier.load(model / "experts/tfidf/all", expert)
    products = pd.DataFrame({"title": titles, "description": None})
    cleaned = texts(products, expert)
    matrix = classifier.vocabularies.transform(cleaned)
    theirs = LinearSVC()
    theirs.coef_, theirs.intercept_ = classifier.weights.T.astype(np.float64), classifier.bias.astype(np.float64)
    theirs.classes_ = np.arange(CLASSES)
    equal = theirs.predict(matrix) == classifier.predict_proba(cleaned).argmax(axis=1)
    seconds = {
        "vectorizer": best_of(lambda: classifier.vocabularies.transform(cleaned)),
        "scikit_learn_predict": best_of(lambda: theirs.predict(matrix)),
        "our_probabilities": best_of(lambda: classifier.probabilities(matrix)),
    }
    return {f"{name}_rows_s": len(titles) / taken for name, taken in seconds.items()} | {"equal": float(equal.mean())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        draw_products(4000, CLASSES, seed=0)[["title", "label"]].to_csv(folder / "products.csv")
        (folder / "shop.yaml").write_text(yaml.safe_dump(CONFIG))
        for step in STEPS:
            run(folder, step, "--config", "shop.yaml")
        titles = draw_products(min(DISTINCT, max(args.rows)), CLASSES, seed=1)["title"].tolist()
        figures = {}
        print("| rows | seconds | rows/s | peak memory, MiB |\n|---|---|---|---|")
        for n_rows in args.rows:
            write_new(folder, titles, n_rows)
            seconds, peak = run(
                folder, "13_predict_new", "--model", "models/shop", "--products", "new.csv", "--out", "out.csv"
            )
            with (folder / "out.csv").open() as file:
                assert sum(1 for _ in file) == n_rows + 1
            print(f"| {n_rows:,} | {seconds:.1f} | {n_rows / seconds:,.0f} | {peak:.0f} |", flush=True)
            figures |= {f"s_{n_rows}": round(seconds, 1), f"mib_{n_rows}": round(peak)}
        figures |= compare(folder / "models/shop", titles[: min(args.rows)])
    print("\non the same matrix:")
    for name in ("vectorizer", "scikit_learn_predict", "our_probabilities"):
        print(f"{name.replace('_', ' ')}: {figures[f'{name}_rows_s']:,.0f} rows/s")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""Train AutoGluon MultiModal on a table and predict another: what compare.py runs in AutoGluon's own environment.

    /path/to/environment/bin/python tests/benchmarks/autogluon_baseline.py FOLDER

Reads from FOLDER: `train.csv` and `test.csv` (id, any of title, description and image, and in train.csv label), and
`settings.json`: `columns` (column -> text or image_path), `hyperparameters` of MultiModalPredictor, `seed`, and
`time_limit` in seconds or null. Writes `predictions.csv` (id, label), `facts.json` (versions, what was trained, and for
how long) and the trained predictor, in `model/`.

Imports nothing of this project, which is not installed there.
"""

import argparse
import csv
import json
import shutil
import time
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch
from autogluon.multimodal import MultiModalPredictor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    columns = settings["columns"]
    train, test = read(folder / "train.csv"), read(folder / "test.csv")
    model = folder / "model"
    shutil.rmtree(model, ignore_errors=True)  # AutoGluon refuses a folder that exists

    started = time.perf_counter()
    predictor = MultiModalPredictor(
        label="label",
        problem_type="multiclass" if train["label"].nunique() > 2 else "binary",
        path=str(model),
        verbosity=3,
    )
    predictor.fit(
        train[[*columns, "label"]],
        column_types=columns,
        hyperparameters=settings["hyperparameters"],
        time_limit=settings["time_limit"],
        seed=settings["seed"],
    )
    fit_seconds = time.perf_counter() - started
    labels = predictor.predict(test[list(columns)], as_pandas=False)
    seconds = time.perf_counter() - started

    with (folder / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "label"), *zip(test["id"], labels, strict=True)])
    facts = {
        "versions": {name: version(name) for name in ("autogluon.multimodal", "torch", "timm", "transformers")},
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        "fit_seconds": fit_seconds,
        "seconds": seconds,
    }
    (folder / "facts.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def read(path: Path) -> pd.DataFrame:
    """Return a table with all cells as text; empty cells stay empty text."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


if __name__ == "__main__":
    main()

"""Made-up products and the tables they lie in."""

import csv

import numpy as np

from helpers.workspace import Workspace


def draw_titles(n: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Ten classes; half of the titles have a word of their class, the other words mean nothing."""
    rng = np.random.default_rng(seed)
    targets = np.concatenate([np.arange(10), rng.integers(10, size=n - 10)])
    known = [f"mot{target}{rng.integers(40)} " if rng.random() < 0.5 else "" for target in targets]
    return [word + " ".join(f"v{number}" for number in rng.integers(3000, size=5)) for word in known], targets


WORDS = {"lamp": "bright lamp for reading", "shoe": "leather shoe size nine", "mug": "mug for coffee", "one": "unique"}
SIZES = {"lamp": 40, "shoe": 30, "mug": 3, "one": 1}


def write_table(workspace: Workspace, name: str, rows: list[dict]) -> None:
    path = workspace.folder / "shop" / name
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def shop_products(**more) -> list[dict]:
    labels = [label for label, size in SIZES.items() for _ in range(size)]
    return [{"id": f"p{n}", "title": f"{WORDS[label]} {n}", "label": label, **more} for n, label in enumerate(labels)]


def table_config(**columns) -> dict:
    return {
        "catalogue": {
            "format": "table",
            "root": "shop",
            "columns": {"label": "label", "description": None, "image": None} | columns,
        },
        "split": {"valid_fraction": 0.25, "test_fraction": 0.25},
        "experts": {"tfidf": {"kind": "tfidf", "min_df": 1}},
        "policies": {"only": {"experts": ["tfidf"], "n_folds": 3, "epochs": 20, "batch_size": 4}},
    }

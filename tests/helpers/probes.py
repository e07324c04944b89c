"""A shop with texts and images of three classes, tiny pretrained networks, and probes of them."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers.frozen import CNN, ENCODER, save_tiny_cnn, save_tiny_encoder
from helpers.tables import write_table
from helpers.workspace import Workspace

TITLES = {"lamp": "bright lamp for reading", "shoe": "leather shoe size nine", "mug": "mug for coffee"}
SPLITS = ("train", "train", "train", "train", "valid", "test")
TEXT = {"kind": "text_probe", "model": ENCODER, "max_length": 16, "n_folds": 2, "regularisation": [0.1]}
IMAGE = {"kind": "image_probe", "model": CNN, "sizes": [32, 48], "n_folds": 2, "regularisation": [0.1]}
FILES = {"config.yaml", "job.json", "metrics.json", "model.safetensors", "test_probs.parquet", "valid_probs.parquet"}


def probe_config(**experts: dict) -> dict:
    """Return the config of a shop, with a text and an image probe and further experts."""
    experts = {"text": TEXT, "image": IMAGE, **experts}
    return {
        "catalogue": {
            "format": "table",
            "root": "shop",
            "bad_images": "keep",
            "columns": {"description": None, "split": "split", "image": "image"},
        },
        "experts": experts,
        "policies": {"mean": {"kind": "mean", "experts": list(experts), "n_folds": 2}},
        "vote": {"members": ["mean"]},
        "hardware": {"num_workers": 0, "mixed_precision": "no"},
    }


def products(n: int) -> list[dict]:
    """Return rows of the shop's table: every class in every split."""
    labels = [list(TITLES)[number // 6 % 3] for number in range(n)]
    return [
        {
            "id": f"p{number}",
            "title": f"{TITLES[label]} {number}",
            "label": label,
            "split": SPLITS[number % 6],
            "image": f"images/{number}.png",
        }
        for number, label in enumerate(labels)
    ]


def draw_image(path: Path, number: int) -> None:
    """Write noise in the colour of the product's class."""
    pixels = np.random.default_rng(number).integers(0, 120, (40, 40, 3), dtype=np.uint8)
    pixels[..., number // 6 % 3] += 100
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)


def write_shop(workspace: Workspace, rows: list[dict]) -> None:
    """Write the table, and those of its images that are not there yet."""
    write_table(workspace, "products.csv", rows)
    for row in rows:
        path = workspace.folder / "shop" / row["image"]
        if row["image"] and not path.exists():
            draw_image(path, int(row["id"][1:]))


def make_shop(workspace: Workspace, rows: list[dict], config: dict) -> Workspace:
    """Write a shop and its tiny networks, and prepare it."""
    write_shop(workspace, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workspace.folder)
        save_tiny_encoder(pd.DataFrame(products(90)).assign(description=None), layers=1)
        save_tiny_cnn()
    workspace.write_config(config)
    workspace.run("01_prepare.py")
    return workspace


def make_exported_shop(workspace: Workspace) -> Workspace:
    """Make a cross-fitted shop with TF-IDF and probes of tiny networks, and export its model to `models/tiny`."""
    config = probe_config(tfidf={"kind": "tfidf", "min_df": 1, "n_folds": 2, "regularisation": [1.0]})
    config["catalogue"]["columns"]["split"] = None
    config |= {"split": {"n_folds": 3, "test_fraction": 0.2}, "submit": "vote"}
    make_shop(workspace, products(90), config)
    workspace.run_all()
    workspace.run("12_export_model.py")
    return workspace


def train(workspace: Workspace, *arguments: str) -> None:
    """Run the two scripts that train probes."""
    workspace.run("02_train_text.py", *arguments)
    workspace.run("04_train_image.py", *arguments)

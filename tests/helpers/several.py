"""A shop whose products have several labels, of which some are only in the text and some only in the image."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.frozen import save_tiny_cnn
from helpers.probes import IMAGE, draw_image
from helpers.tables import write_table
from helpers.workspace import Workspace

TITLES = {"lamp": "bright lamp for reading", "shoe": "leather shoe size nine", "mug": "mug for coffee"}
COLOURS = ("blue", "green", "red")  # as `draw_image` has them
N = 144  # enough for a rule by which images are unusual


def several_products(n: int = N) -> list[dict]:
    """Return rows of the shop's table: labels are what it is, its colour, which the image alone shows, and a gift."""
    rows = []
    for number in range(n):
        kind, gift = list(TITLES)[number % 3], number % 4 == 0
        labels = [kind, COLOURS[number // 6 % 3], *["gift"] * gift]
        rows.append(
            {
                "id": f"p{number}",
                "title": f"{TITLES[kind]}{' in a gift box' if gift else ''} {number}",
                "label": "|".join(labels),
                "image": f"images/{number}.png",
            }
        )
    return rows


def several_config() -> dict:
    """Return the config of the shop: cross-fitted, with policies that read the texts, all, or the image on demand."""
    text = {"kind": "tfidf", "min_df": 1, "n_folds": 2, "regularisation": [1.0]}
    return {
        "catalogue": {
            "format": "table",
            "root": "shop",
            "labels": "several",
            "label_separator": "|",
            "columns": {"description": None, "image": "image"},
        },
        "split": {"n_folds": 3, "test_fraction": 0.2, "group_duplicates": False},
        "experts": {"tfidf": text, "image": IMAGE | {"sizes": [32]}},
        "policies": {
            "all": {"kind": "logistic", "experts": ["tfidf", "image"], "n_folds": 3},
            "on_demand": {"kind": "on_demand", "first": "tfidf", "then": "all", "n_folds": 3, "image_share": 0.4},
        },
        "vote": {"members": ["all"]},
        "label_thresholds": "tuned",
        "hardware": {"num_workers": 0, "mixed_precision": "no"},
    }


def make_several_shop(workspace: Workspace) -> Workspace:
    """Train the shop, and export the policy that reads all to `models/all`, the one on demand to `models/on_demand`."""
    write_table(workspace, "products.csv", several_products())
    for number in range(N):
        draw_image(workspace.folder / f"shop/images/{number}.png", number)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workspace.folder)
        save_tiny_cnn()
    workspace.write_config(several_config())
    workspace.run_all()
    workspace.run("12_export_model.py", "--out", "models/all")
    submitted = ("--set", "vote.members=[on_demand]")
    workspace.run("08_vote.py", *submitted)
    workspace.run("12_export_model.py", "--out", "models/on_demand", *submitted)
    return workspace


def new_several(folder: Path, n: int = 40) -> pd.DataFrame:
    """Return new products, with their images in `folder`; some lack an image, a title, or have a damaged image."""
    rng = np.random.default_rng(1)
    folder.mkdir()
    table = pd.DataFrame(several_products(n)).drop(columns="label")
    table["id"] = [f"n{number}" for number in range(n)]
    table["image"] = [f"{number}.png" for number in range(n)]
    for number, name in enumerate(table["image"]):
        draw_image(folder / name, 1002 + number)  # 1002: a multiple of 6, so the colours are those of the titles
    table.loc[table.index % 7 == 3, "image"] = None
    table.loc[table.index % 11 == 5, "title"] = ""
    (folder / "8.png").write_bytes(b"half")
    return table.iloc[rng.permutation(n)].reset_index(drop=True)

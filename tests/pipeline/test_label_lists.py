"""Products with several labels through the scripts: prepared, with labels left out, and read by linear experts."""

import json

import numpy as np
import pandas as pd
import pytest

from latefusion.tables.dataset import read_dataset
from latefusion.tables.probabilities import read_split_probs

LABELS = ["Home", "Lamps", "Chairs"]


def write_shop(folder) -> None:
    """Write 90 products of Home and Lamps or Chairs, two of a rare label, and four to predict, with their labels."""
    folder.mkdir(parents=True)
    rng, rows = np.random.default_rng(0), []
    for number in range(96):
        labels = ["Home", LABELS[1 + number % 2]] if number < 90 else ["Antiques"] if number == 90 else []
        labels = ["Lamps", "Antiques"] if number == 91 else labels
        title = " ".join([*rng.choice(list("abcdefgh"), 3), LABELS[1 + number % 2]]) + f" {number}"
        rows.append({"id": number, "title": title, "label": "|".join(labels)})
    pd.DataFrame(rows).to_csv(folder / "products.csv", index=False)
    (folder / "truth.csv").write_text("id,labels\n92,Home|Lamps\n93,Antiques|Chairs\n94,Antiques\n")


def config(**catalogue) -> dict:
    return {
        "catalogue": {
            "format": "table",
            "root": "shop",
            "columns": {"description": None, "image": None},
            "labels": "several",
            "label_separator": "|",
            "min_products": 3,
            "test_labels": "truth.csv",
        }
        | catalogue,
        "split": {"by": "order", "n_folds": 3, "test_fraction": 0.1},
        "experts": {"words": {"kind": "tfidf", "min_df": 1, "n_folds": 3}},
        "policies": {"only": {"kind": "mean", "experts": ["words"]}},
        "vote": {"members": ["only"]},
    }


@pytest.fixture
def shop(workspace, monkeypatch):
    write_shop(workspace.folder / "shop")
    monkeypatch.chdir(workspace.folder)
    workspace.write_config(config())
    workspace.run("01_prepare.py")
    return workspace


def test_labels_are_prepared_learnt_and_predicted(shop):
    folder = shop.run_root / "catalogue"
    assert json.loads((folder / "classes.json").read_text()) == ["Chairs", "Home", "Lamps"]
    assert json.loads((folder / "left_out.json").read_text()) == ["Antiques"]
    assert pd.read_csv(folder / "row_issues.csv")["id"].tolist() == [90]
    assert "(catalogue.min_products): 'Antiques' 2" in (folder / "report.md").read_text()
    products = pd.read_parquet(folder / "products.parquet")
    assert products.loc["91", "label"] == "Lamps"
    assert set(products.index[products["split"] == "test"]) == {*map(str, range(83, 90)), "91", "82"}
    shop.run("02_train_text.py")
    experiment = shop.experiment()
    dataset = read_dataset(experiment)
    test = dataset.evaluation_splits["test"]
    probs = read_split_probs(experiment.expert_dir("words"), "test", dataset)
    kinds = [1 + int(number) % 2 for number in test.index]
    for number, kind, of_product in zip(test.index, kinds, probs, strict=True):
        row = dict(zip(dataset.classes, of_product, strict=True))
        assert row[LABELS[kind]] > 0.5 > row[LABELS[3 - kind]], number


def test_what_experts_read_changes_with_the_number_of_labels(shop):
    """Each product has one label of its own here, so that nothing but `labels` differs."""
    table = pd.read_csv(shop.folder / "shop/products.csv", dtype="str")
    one = table.assign(label=table["label"].str.split("|").str[-1].where(table.index < 90))
    one.to_csv(shop.folder / "shop/products.csv", index=False)
    contents = []
    for keys in ({}, {"labels": "one", "label_separator": None}):
        shop.write_config(config(test_labels=None, **keys))
        shop.run("01_prepare.py")
        contents.append(json.loads((shop.run_root / "catalogue/contents.json").read_text()))
    assert contents[0]["products"] != contents[1]["products"]

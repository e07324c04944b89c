"""A split that keeps near-duplicates together, from the preparation to the submission."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.configs import TINY_CNN
from helpers.images import photograph
from helpers.tables import draw_titles
from helpers.workspace import Workspace

from latefusion.config import Experiment
from latefusion.dataset.split import assign_folds
from latefusion.experts import linear
from latefusion.tables.dataset import read_dataset


@pytest.fixture
def shop(workspace):
    """60 products of two classes: 20 share their title with another, and 20 others their image."""
    folder = workspace.folder / "shop"
    folder.mkdir()
    rows = []
    for number in range(60):
        title = f"lamp {number - number % 2 if number < 20 else number}"
        seed = number - number % 2 if 20 <= number < 40 else number
        photograph(seed, 200, 200).save(folder / f"{number}.jpg", quality=80 + number % 10)
        rows.append({"id": f"p{number}", "title": title, "label": "ab"[number // 2 % 2], "image": f"{number}.jpg"})
    pd.DataFrame(rows).to_csv(folder / "products.csv", index=False)
    return workspace


def shop_config(**split) -> dict:
    return {
        "catalogue": {
            "format": "table",
            "root": "shop",
            "columns": {"label": "label", "description": None, "image": "image"},
        },
        "split": {"valid_fraction": 0.3, "test_fraction": 0.2} | split,
        "experts": {"tfidf": {"kind": "tfidf", "min_df": 1}, "cnn": TINY_CNN},
        "policies": {"only": {"experts": ["tfidf", "cnn"], "n_folds": 3, "epochs": 2, "batch_size": 4}},
    }


@pytest.mark.parametrize("grouped", [True, False])
def test_preparing_groups_twins_and_reports_what_leaks(shop, monkeypatch, caplog, grouped):
    shop.write_config(shop_config(group_duplicates=grouped))
    with caplog.at_level("INFO"):
        shop.run("01_prepare.py")
    monkeypatch.chdir(shop.folder)
    dataset = read_dataset(Experiment.model_validate({"name": "tiny"} | shop_config(group_duplicates=grouped)))
    split, group = dataset.products["split"], dataset.products["group"]
    assert dataset.split.group_duplicates == grouped
    assert list(group) == [*np.repeat(range(20), 2), *range(20, 40)]
    assert ((split.groupby(group).nunique() == 1).all()) == grouped
    assert split.value_counts().to_dict() == {"train": 30, "valid": 18, "test": 12}

    report = json.loads((shop.run_root / "catalogue/duplicates.json").read_text())
    twenty = {"groups": 10, "products": 20, "largest": 2}
    forty = {"groups": 20, "products": 40, "largest": 2}
    assert report["groups"] == {"by_title": twenty, "by_image": twenty, "by_either": forty}
    assert report["split"] == ("grouped" if grouped else "stratified")
    leaks = report["twins_in_train"]
    none = {"title": 0, "image": 0, "either": 0}
    assert leaks["grouped"] == {"valid": {"products": 18} | none, "test": {"products": 12} | none}
    in_valid, in_test = (leaks["stratified"][part]["either"] for part in ("valid", "test"))
    assert min(in_valid, in_test) > 0
    v, t = (0, 0) if grouped else (in_valid, in_test)
    assert (
        f"duplicates: {v} of 18 valid products ({v / 18:.1%}) and {t} of 12 held-out test products ({t / 12:.1%}) "
        "have a near-duplicate in train; "
    ) in caplog.text
    without = f"without split.group_duplicates: {in_valid} and {in_test}"
    assert (without if grouped else "with split.group_duplicates: 0 and 0") in caplog.text


def test_a_grouped_split_runs_to_its_submission(shop):
    config = shop_config(group_duplicates=True)
    config["experts"].pop("cnn")
    config["policies"]["only"]["experts"] = ["tfidf"]
    shop.write_config(config)
    shop.run_all()
    predictions = pd.read_csv(shop.folder / "submissions/tiny/predictions.tsv", sep="\t")
    assert len(predictions) == 12


@pytest.mark.parametrize(
    ("titles", "message"),
    [
        (list("aabb"), "the split has no valid products; see split.valid_fraction and split.group_duplicates"),
        (list("abcde"), "policies.only: 1 groups of near-duplicates among the valid products for 3 folds"),
    ],
)
def test_too_few_groups_are_refused_before_the_training(shop, capsys, titles, message):
    products = pd.read_csv(shop.folder / "shop/products.csv", index_col="id")
    products["title"] = titles * (60 // len(titles))
    products.assign(image=None).to_csv(shop.folder / "shop/products.csv")
    shop.write_config(shop_config(group_duplicates=True))
    with pytest.raises(SystemExit):
        shop.run("01_prepare.py")
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("grouped", [True, False])
def test_the_experts_folds_are_grouped_where_the_split_is(workspace: Workspace, monkeypatch, grouped):
    rows = [f"p{n},{title},{target}" for n, (title, target) in enumerate(zip(*draw_titles(90, 3), strict=True))]
    (workspace.folder / "shop").mkdir()
    again = [row.replace(",", "-again,", 1) for row in rows]
    (workspace.folder / "shop/products.csv").write_text("\n".join(["id,title,label", *rows, *again]) + "\n")
    workspace.write_config(
        {
            "catalogue": {"format": "table", "root": "shop", "columns": {"description": None, "image": None}},
            "split": {"valid_fraction": 0.2, "test_fraction": 0.1, "group_duplicates": grouped},
            "experts": {"words": {"kind": "tfidf", "min_df": 1, "n_folds": 3}},
            "policies": {"only": {"experts": ["words"], "n_folds": 2}},
        }
    )
    seen = []
    monkeypatch.setattr(linear, "assign_folds", lambda *args: seen.append(args[3]) or assign_folds(*args))
    workspace.run("01_prepare.py")
    workspace.run("02_train_text.py")
    table = pd.read_parquet(workspace.run_root / "catalogue/products.parquet")
    groups = table.loc[table["split"] == "train", "group"].to_numpy()
    assert len(seen) == 8  # two for each candidate of C: its margins, its temperature
    assert all(np.array_equal(of_fit, groups) if grouped else of_fit is None for of_fit in seen)

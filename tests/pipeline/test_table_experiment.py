"""A shop's own table from end to end: texts alone, rare classes, new products without labels, missing images."""

import logging

import cv2
import numpy as np
import pandas as pd
import pytest
from helpers.configs import TINY_CNN
from helpers.tables import SIZES, shop_products, table_config, write_table
from helpers.workspace import Workspace

from latefusion.config import Experiment
from latefusion.tables.dataset import read_dataset
from latefusion.utils.files import read_json

pytestmark = pytest.mark.either_precision  # its configs leave the precision to the machine


def test_texts_alone_with_rare_classes_give_predictions_and_scores(workspace):
    write_table(workspace, "products.csv", shop_products())
    workspace.write_config(table_config())
    workspace.run_all()
    predictions = pd.read_csv(workspace.folder / "submissions/tiny/predictions.tsv", sep="\t")
    table = pd.read_parquet(workspace.run_root / "catalogue/products.parquet")
    assert set(predictions["id"]) == set(table.index[table["split"] == "test"])
    assert set(predictions["split"]) == {"test"}
    ranked = predictions[["label", "label_2", "label_3"]]
    assert (ranked.nunique(axis=1) == 3).all()
    assert set(ranked.stack()) <= set(SIZES)
    assert set(table.loc[table["split"] == "train", "label"]) == set(SIZES)
    scores = pd.read_csv(workspace.run_root / "scores/scores.csv").set_index(["method", "split", "metric"])["value"]
    assert scores["tfidf", "test", "accuracy"] > 0.9


def test_new_products_are_predicted_beside_the_held_out_ones(workspace):
    write_table(workspace, "products.csv", shop_products())
    write_table(
        workspace, "new.csv", [{"id": "n1", "title": "another leather shoe"}, {"id": "n2", "title": "reading lamp"}]
    )
    experiment = table_config()
    experiment["catalogue"]["test_products"] = "new.csv"
    workspace.write_config(experiment)
    workspace.run_all()
    predictions = pd.read_csv(workspace.folder / "submissions/tiny/predictions.tsv", sep="\t", index_col="id")
    assert predictions["label"]["n1"] == "shoe"
    assert predictions["label"]["n2"] == "lamp"
    assert set(predictions.index[predictions["split"] == "new"]) == {"n1", "n2"}
    assert set(predictions["split"]) == {"new", "test"}
    scores = pd.read_csv(workspace.run_root / "scores/scores.csv")
    assert (scores.loc[scores["split"] == "test", "n"] == len(predictions) - 2).all()


def test_without_networks_the_best_method_is_submitted_and_there_is_no_vote(workspace, monkeypatch):
    write_table(workspace, "products.csv", shop_products())
    experiment = table_config()
    experiment["experts"]["chars"] = {"kind": "tfidf", "min_df": 1, "word_ngrams": [1, 1]}
    experiment["policies"] = {"mean": {"kind": "mean", "experts": ["tfidf", "chars"], "n_folds": 3}}
    workspace.write_config(experiment | {"submit": "best"})
    workspace.run_all()
    assert not (workspace.run_root / "vote").exists()
    assert set(workspace.read_scores()["method"]) == {"tfidf", "chars", "mean"}
    facts = read_json(workspace.run_root / "submission/metrics.json")
    assert facts["method"] in ("tfidf", "chars")  # all are right
    predictions = pd.read_csv(workspace.folder / "submissions/tiny/predictions.tsv", sep="\t", index_col="id")
    probs = pd.read_parquet(workspace.run_root / facts["folder"] / "test_probs.parquet")
    assert predictions["label"].to_dict() == probs.idxmax(axis=1).to_dict()
    report = (workspace.folder / "submissions/tiny/scores.md").read_text()
    assert report.startswith(f"# tiny\n\nSubmitted is **{facts['method']}**, right for ")
    monkeypatch.chdir(workspace.folder)
    assert {job.state() for job in workspace.jobs().values()} == {"done"}


def test_a_method_that_reads_texts_alone_asks_for_no_image_of_new_products(workspace, caplog):
    caplog.set_level(logging.INFO)
    write_table(workspace, "products.csv", shop_products())
    workspace.write_config(table_config())
    workspace.run_all()
    workspace.run("12_export_model.py")
    write_table(workspace, "new.csv", [{"id": "a", "title": "bright lamp", "image": "not/there.jpg"}])
    (workspace.folder / "empty").mkdir()
    arguments = ("--model", "models/tiny", "--products", "shop/new.csv", "--images", "empty", "--out", "labels.csv")
    workspace.run_script("13_predict_new.py", *arguments)
    assert "reads no images: those in empty are not looked at" in caplog.text
    assert "names an image" not in caplog.text
    labels = pd.read_csv(workspace.folder / "labels.csv", index_col="id", keep_default_na=False)
    assert (labels.loc["a", "label"], labels.loc["a", "problem"]) == ("lamp", "")


def test_rows_without_a_label_are_predicted(workspace):
    rows = shop_products()
    rows[2]["label"], rows[45]["label"] = "", " "
    write_table(workspace, "products.csv", rows)
    workspace.write_config(table_config() | {"split": {"valid_fraction": 0.25}})
    workspace.run_all()
    predictions = pd.read_csv(workspace.folder / "submissions/tiny/predictions.tsv", sep="\t", index_col="id")["label"]
    assert predictions.to_dict() == {"p2": "lamp", "p45": "shoe"}


def test_tables_are_named_relative_to_the_root_and_may_lie_beside_it(workspace, capsys):
    write_table(workspace, "products.csv", shop_products())
    experiment = table_config()
    experiment["catalogue"]["products"] = str(workspace.folder / "shop/products.csv")
    workspace.write_config(experiment)
    with pytest.raises(SystemExit):
        workspace.run("01_prepare.py")
    assert "catalogue.products" in (error := capsys.readouterr().err)
    assert "give the path relative to catalogue.root" in error
    workspace.run("01_prepare.py", "--set", "catalogue.products=../shop/products.csv")
    assert (workspace.run_root / "catalogue/products.parquet").is_file()


@pytest.fixture
def illustrated(workspace) -> Workspace:
    """Lamps are white and shoes black; two images are broken, and some products have none."""
    rows = shop_products(image="")
    for row in rows[:-8]:
        row["image"] = f"{row['id']}.jpg"
        shade = 220 if row["label"] == "lamp" else 30
        image = np.full((40, 40, 3), shade, np.uint8)
        (workspace.folder / "shop").mkdir(exist_ok=True)
        cv2.imwrite(str(workspace.folder / "shop" / row["image"]), image)
    (workspace.folder / "shop/p1.jpg").write_bytes(b"")
    (workspace.folder / "shop/p2.jpg").unlink()
    write_table(workspace, "products.csv", rows)
    return workspace


def test_broken_images_stop_the_run_by_name_or_are_kept_as_none(illustrated, capsys):
    experiment = table_config(image="image")
    experiment["experts"]["cnn"] = TINY_CNN
    experiment["policies"]["only"]["experts"] = ["tfidf", "cnn"]
    illustrated.write_config(experiment)
    with pytest.raises(SystemExit):
        illustrated.run("01_prepare.py")
    error = capsys.readouterr().err
    assert "products.csv, line 3: id p1: p1.jpg: empty file" in error
    assert "products.csv, line 4: id p2: p2.jpg: missing" in error
    illustrated.run_all("--set", "catalogue.bad_images=keep")
    issues = pd.read_csv(illustrated.run_root / "catalogue/image_issues.csv", index_col="id")
    assert set(issues.index) == {"p1", "p2"}
    table = pd.read_parquet(illustrated.run_root / "catalogue/products.parquet")
    assert table["image"].isna().sum() == 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": {"valid_fraction": 0.2}}, "no products to predict"),
        ({"split": {"valid_fraction": 0.02, "test_fraction": 0.2}}, "1 valid products for 3 folds"),
        ({"split": {"valid_fraction": 0.0, "test_fraction": 0.2}}, "there would be no valid products"),
    ],
)
def test_what_would_fail_after_the_training_is_refused_before_it(workspace, capsys, change, message):
    write_table(workspace, "products.csv", shop_products())
    workspace.write_config(table_config() | change)
    with pytest.raises(SystemExit):
        workspace.run("01_prepare.py")
    assert message in capsys.readouterr().err


def test_image_experts_without_any_image_are_refused(workspace, capsys):
    write_table(workspace, "products.csv", shop_products())
    experiment = table_config()
    experiment["experts"]["cnn"] = TINY_CNN
    workspace.write_config(experiment)
    with pytest.raises(SystemExit):
        workspace.run("01_prepare.py")
    assert "experts.cnn: no train product has an image" in capsys.readouterr().err


def test_a_split_column_is_obeyed_and_its_unlabelled_test_rows_are_predicted(workspace, monkeypatch):
    rows = shop_products()
    for number, row in enumerate(rows):
        row["part"] = "train" if row["label"] == "one" else ("train", "valid", "test")[number % 3]
    rows[2]["label"] = ""
    write_table(workspace, "products.csv", rows)
    workspace.write_config(table_config(split="part"))
    workspace.run_all()
    monkeypatch.chdir(workspace.folder)
    dataset = read_dataset(Experiment.model_validate({"name": "tiny"} | table_config(split="part")))
    given = {row["id"]: row["part"] for row in rows}
    assert {id_: "test" if split == "submit" else split for id_, split in dataset.products["split"].items()} == given
    assert dataset.products.loc["p2", "split"] == "submit"


def test_a_misspelt_folder_does_not_cost_the_catalogue_that_is_prepared(workspace, capsys):
    write_table(workspace, "products.csv", shop_products())
    workspace.write_config(table_config())
    workspace.run("01_prepare.py")
    before = workspace.snapshot()
    with pytest.raises(SystemExit):
        workspace.run("01_prepare.py", "--set", "catalogue.root=typo")
    assert "typo/products.csv not found: the folder typo does not exist" in capsys.readouterr().err
    assert workspace.snapshot() == before

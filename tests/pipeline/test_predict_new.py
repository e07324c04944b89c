"""The scripts that export a model and predict a table of new products with it."""

from contextlib import contextmanager

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from helpers.web import serving
from helpers.workspace import Workspace
from huggingface_hub import ModelCard
from safetensors.numpy import load_file

from latefusion.predictor import Predictor
from latefusion.steps import predict_new
from latefusion.utils.errors import InputError, StepError


@pytest.fixture(scope="module")
def shop(exported_shop) -> Workspace:
    """A cross-fitted shop with TF-IDF and probes of tiny networks, and its exported model; do not change it."""
    return exported_shop


@pytest.fixture
def new(shop, monkeypatch, tmp_path):
    """An empty folder with new products and the exported model, without the shop's data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").symlink_to(shop.folder / "models")
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos/a.png"), np.full((40, 40, 3), 120, np.uint8))
    (tmp_path / "photos/broken.jpg").write_bytes(b"half")
    rows = [
        "SKU;Name;Photo",
        "n1;bright lamp for reading;a.png",
        "n2;leather shoe;",
        "n3;;broken.jpg",
        "n4;mug for coffee;missing.jpg",
    ]
    (tmp_path / "new.csv").write_text("\n".join(rows) + "\n")
    return Workspace(tmp_path)


def predict(workspace: Workspace, *arguments: str) -> None:
    workspace.run_script("13_predict_new.py", "--model", "models/tiny", "--products", "new.csv", *arguments)


def test_a_table_is_predicted_without_the_experiment(new, capsys):
    predict(new, "--images", "photos", "--out", "out/labels.csv")
    assert "out/labels.csv: 4 of 4 products" in capsys.readouterr().out
    table = pd.read_csv("out/labels.csv", index_col="id", keep_default_na=False)
    assert list(table.index) == ["n1", "n2", "n3", "n4"]
    assert table.loc["n1", "label"] == "lamp"
    assert table["label"].isin(["lamp", "shoe", "mug"]).all()
    assert [bool(problem) for problem in table["problem"]] == [False, False, True, True]
    assert sorted(path.name for path in (new.folder / "out").iterdir()) == ["labels-notes.md", "labels.csv"]


def test_the_path_of_the_training_data_is_not_handed_on(shop):
    for name in ("config.yaml", "README.md"):
        assert str(shop.folder) not in (shop.folder / "models/tiny" / name).read_text()


def test_the_cards_of_model_and_experiment_have_the_same_scores_and_licences(shop):
    model, experiment = (
        ModelCard.load(shop.folder / folder / "README.md") for folder in ("models/tiny", "submissions/tiny")
    )
    assert model.data.to_dict() == experiment.data.to_dict()
    assert model.data.eval_results
    assert "| pretrained weights" in model.text
    assert "unknown: look it up" in model.text  # of the tiny networks of this test


def test_doubtful_products_go_to_a_review_file_the_least_sure_first(new, capsys):
    predict(new, "--images", "photos", "--out", "sure.tsv", "--min-confidence", "0.5")
    sure, review = (pd.read_csv(name, sep="\t", index_col="id") for name in ("sure.tsv", "sure-review.tsv"))
    assert sorted([*sure.index, *review.index]) == ["n1", "n2", "n3", "n4"]
    assert (sure["confidence"] >= 0.5).all()
    assert (review["confidence"][review["unusual"].isna()] < 0.5).all()
    assert review["confidence"].is_monotonic_increasing


def test_neither_shard_size_nor_order_changes_a_prediction_and_a_killed_run_goes_on(new, monkeypatch):
    predict(new, "--images", "photos", "--out", "whole.csv")
    monkeypatch.setattr(Predictor, "predict", dying(Predictor.predict, 2))
    with pytest.raises(RuntimeError, match="killed"):
        predict(new, "--images", "photos", "--out", "shards.csv", "--shard-size", "2")
    assert not (new.folder / "shards.csv").exists()
    monkeypatch.undo()
    monkeypatch.chdir(new.folder)
    calls = []
    own = Predictor.predict
    monkeypatch.setattr(Predictor, "predict", lambda *arguments: calls.append(1) or own(*arguments))
    predict(new, "--images", "photos", "--out", "shards.csv", "--shard-size", "2")
    assert len(calls) == 1  # the first shard was there already
    whole, shards = (pd.read_csv(name, index_col="id", keep_default_na=False) for name in ("whole.csv", "shards.csv"))
    pd.testing.assert_frame_equal(whole, shards, atol=2e-6)


def test_reviews_of_several_shards_are_sorted_together_and_cells_are_safe_for_spreadsheets(new):
    text = (new.folder / "new.csv").read_text().replace("SKU;Name", "code;what").replace("n2;", "=n2;")
    (new.folder / "new.csv").write_text(text)
    columns = ("--set", "catalogue.columns.id=code", "--set", "catalogue.columns.title=what")
    predict(new, *columns, "--out", "all.csv", "--min-confidence", "1", "--shard-size", "1", "--spreadsheet-safe")
    review = pd.read_csv("all-review.csv", index_col="id")
    assert review["confidence"].is_monotonic_increasing
    assert sorted(review.index) == ["'=n2", "n1", "n3", "n4"]
    assert pd.read_csv("all.csv").empty
    assert sorted(path.name for path in new.folder.glob("all*")) == ["all-notes.md", "all-review.csv", "all.csv"]


def test_neither_row_order_nor_threads_nor_a_table_in_pieces_change_a_prediction(new):
    predictor = Predictor.load("models/tiny")
    table = pd.concat([pd.read_csv("new.csv", sep=";").assign(SKU=lambda t, k=k: t["SKU"] + str(k)) for k in range(9)])
    whole = predictor.predict_proba(table, "photos")
    shuffled = predictor.predict_proba(table.sample(frac=1, random_state=0), "photos").loc[whole.index]
    pieces = [predictor.predict_proba(table.iloc[start : start + 5], "photos") for start in range(0, len(table), 5)]
    with threads(2):
        others = [predictor.predict_proba(table, "photos"), shuffled, pd.concat(pieces)]
    for other in others:
        pd.testing.assert_frame_equal(whole, other, atol=2e-6)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_review_file_without_products_has_its_columns(new, monkeypatch, suffix):
    monkeypatch.setattr(predict_new, "accepted", lambda shard, threshold: np.ones(len(shard), dtype=bool))
    predict(new, "--out", f"all{suffix}", "--min-confidence", "0.1")
    read = pd.read_csv if suffix == ".csv" else pd.read_parquet
    review, table = read(f"all-review{suffix}"), read(f"all{suffix}")
    assert (len(review), len(table)) == (0, 4)
    assert list(review.columns) == list(table.columns)


def test_a_table_in_memory_is_read_with_the_columns_of_the_catalogue(new, shop, tmp_path):
    """Its own names of columns, and several columns in one description, as in a file."""
    predictor = Predictor.load("models/tiny")
    catalogue = predictor.experiment.catalogue
    columns = catalogue.columns.model_copy(update={"title": "headline", "description": ("body", "brand")})
    columns.model_fields_set.update({"title", "description"})
    own = catalogue.model_copy(update={"columns": columns})
    predictor.experiment = predictor.experiment.model_copy(update={"catalogue": own})
    table = pd.DataFrame(
        {"sku": ["a", "b"], "headline": ["lamp", "x"], "body": ["bright", None], "brand": ["Acme", "shoe leather"]}
    )
    table.to_csv("own.csv", index=False)
    rows = predictor.read(table, None).products.rows
    assert rows["description"].tolist() == ["bright\nbrand: Acme", "brand: shoe leather"]
    assert predictor.predict_proba(table).equals(predictor.predict_proba("own.csv"))


@pytest.mark.parametrize("path", ["../photos/a.png", "/etc/passwd", "x/../../a.png"])
def test_a_table_in_memory_cannot_name_images_outside_of_the_folder(new, path):
    table = pd.DataFrame({"id": ["p1"], "title": ["lamp"], "image": [path]})
    with pytest.raises(InputError, match="id p1 has"):
        Predictor.load("models/tiny").predict(table, "photos")


@contextmanager
def threads(number: int):
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def test_a_table_may_have_integer_ids_usual_names_or_be_a_file(new):
    predictor = Predictor.load("models/tiny")
    expected = predictor.predict("new.csv", "photos")
    table = pd.read_csv("new.csv", sep=";")
    assert predictor.predict(table, "photos").equals(expected)
    numbered = table.assign(SKU=[4, 3, 2, 1])
    assert predictor.predict(numbered, "photos").reset_index(drop=True).equals(expected.reset_index(drop=True))
    assert predictor.predict(table.drop(columns="SKU"), "photos").to_numpy().tolist() == expected.to_numpy().tolist()
    assert expected.loc["n2", "image_label"] == ""  # it has no image
    assert expected.loc["n1", "image_label"] != ""


def test_no_file_of_the_user_is_overwritten_or_left_behind(new, capsys):
    before = (new.folder / "new.csv").read_bytes()
    for arguments, message in (
        (["--out", "new.csv"], "new.csv is the table of products: choose another name"),
        (["--out", "x.csv", "--images", "models"], "--images models: it has none of the 3 images that new.csv names"),
    ):
        with pytest.raises(SystemExit):
            predict(new, *arguments)
        assert message in capsys.readouterr().err
    assert (new.folder / "new.csv").read_bytes() == before
    predict(new, "--images", "photos", "--out", "x.csv", "--min-confidence", "0.5")
    for overwrite, message in (((), "--out x.csv exists already"), (("--overwrite",), "x-review.csv is of an earlier")):
        with pytest.raises(SystemExit):
            predict(new, "--images", "photos", "--out", "x.csv", *overwrite)
        assert message in capsys.readouterr().err
    predict(new, "--images", "photos", "--out", "x.csv", "--min-confidence", "0.5", "--overwrite")


def test_images_on_the_web_are_refused_until_they_are_fetched(new, capsys, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as web:
        table = pd.DataFrame({"SKU": ["n1", "n2", "n3"], "Name": "lamp", "Photo": ["a.png", *map(web.url, ["b", "c"])]})
        table.to_csv("new.csv", sep=";", index=False)
        web.answers["b"] = (new.folder / "photos/a.png").read_bytes()
        with pytest.raises(SystemExit):
            predict(new, "--images", "photos", "--out", "x.csv")
        said = capsys.readouterr().err
        assert "2 products have an image on the web that was not fetched to photos/fetched, the first: id n2" in said
        assert "Fetch the images first: python src/14_fetch_images.py --products new.csv --images photos" in said
        with pytest.raises(StepError, match="was not fetched"):
            Predictor.load("models/tiny").predict(table, "photos")
        names = ("--products", "new.csv", "--images", "photos")
        new.run_script("14_fetch_images.py", *names, "--allow-private", "--retries", "0")
    predict(new, "--images", "photos", "--out", "x.csv")
    predicted = pd.read_csv("x.csv", index_col="id", keep_default_na=False)
    assert predicted["problem"].to_dict() == {"n1": "", "n2": "", "n3": "not downloaded: 404"}
    assert predicted.loc["n1", "confidence"] == predicted.loc["n2", "confidence"]  # the same image
    assert predicted.loc["n3", "image_label"] == ""


def test_experts_that_read_what_is_missing_have_no_influence(new):
    """The image expert is sure of a wrong class, and so are the text experts: no product that lacks it follows."""
    predictor = Predictor.load("models/tiny")
    titles = {"lamp": "bright lamp for reading", "none": "", "image": ""}
    table = pd.DataFrame({"title": titles, "image": {"lamp": None, "none": None, "image": "a.png"}})
    before = predictor.predict_proba(table, "photos")
    sure = np.eye(3, dtype=np.float32)[[2]]
    experts = predictor._experts  # a cached property
    text = {name: experts[name] for name in ("tfidf", "text")}
    experts["image"] = lambda products, images: np.repeat(sure, len(products), axis=0)
    assert predictor.predict_proba(table, "photos").loc[["lamp", "none"]].equals(before.loc[["lamp", "none"]])
    assert not predictor.predict_proba(table, "photos").loc[["image"]].equals(before.loc[["image"]])
    del predictor.__dict__["_experts"]
    for name in text:
        predictor._experts[name] = experts["image"]
    after = predictor.predict_proba(table, "photos")
    assert after.loc[["none", "image"]].equals(before.loc[["none", "image"]])
    np.testing.assert_allclose(before.loc["none"], predictor.manifest.frequencies, atol=1e-6)


def dying(function, call: int):
    """Return the function such that its call of this number ends as if the process was killed."""
    calls = []

    def dies(*arguments):
        calls.append(1)
        if len(calls) == call:
            raise RuntimeError("killed")
        return function(*arguments)

    return dies


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "x.txt"], "--out x.txt: the name must end in .csv, .tsv, .jsonl or .parquet"),
        (["--out", "x.csv", "--images", "nowhere"], "--images nowhere: there is no such folder"),
        (["--out", "x.csv", "--min-confidence", "2"], "--min-confidence 2.0: give a probability"),
        (["--out", "x.csv", "--target-precision", "0.4"], "--target-precision 0.4: give a share from 0.5 to 1"),
        (["--out", "x.csv", "--target-precision", "nan"], "--target-precision nan: give a share from 0.5 to 1"),
        (["--out", "x.csv", "--min-confidence", "0", "--target-precision", "0.9"], "exclude each other"),
        (["--out", "x.csv", "--products", "nowhere.csv"], "--products nowhere.csv: there is no such file"),
        (["--out", "x.csv", "--shard-size", "0"], "--shard-size 0: give 1 or more"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(new, capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        predict(new, *arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_model_is_not_overwritten_and_an_unfinished_experiment_not_exported(shop, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(shop.folder)
    with pytest.raises(SystemExit):
        shop.run("12_export_model.py")
    assert "models/tiny exists: remove it, or choose another folder with --out" in capsys.readouterr().err
    copy = shop.copy(tmp_path / "copy")
    (copy.run_root / "submission/job.json").unlink()
    with pytest.raises(SystemExit):
        copy.run("12_export_model.py", "--out", "models/other")
    assert "the submission is not done: run src/08_vote.py --config" in capsys.readouterr().err
    assert not (copy.folder / "models/other").exists()


def test_products_unlike_all_labelled_ones_are_flagged_and_go_to_the_review_file(new, capsys):
    """However sure the model is of them."""
    rows = ["id,name", "usual,bright lamp for reading", "foreign,Vogelhaus aus Buchenholz mit Einflugloch", "empty,"]
    (new.folder / "new.csv").write_text("\n".join(rows) + "\n")
    predict(new, "--out", "all.csv")
    reasons = pd.read_csv("all.csv", index_col="id", keep_default_na=False)["unusual"].to_dict()
    assert reasons == {"usual": "", "foreign": "text: 0 of 5 words are known", "empty": "no text"}
    predict(new, "--out", "sure.csv", "--min-confidence", "0.000001")
    assert list(pd.read_csv("sure.csv")["id"]) == ["usual"]
    assert sorted(pd.read_csv("sure-review.csv")["id"]) == ["empty", "foreign"]
    assert "sure-notes.md: 2 products are unlike the labelled ones" in capsys.readouterr().out
    assert "2 of 3 products are unlike the labelled ones" in (new.folder / "sure-notes.md").read_text()


def test_new_products_that_differ_as_a_whole_are_said_so_whatever_the_shards(new, caplog):
    rows = ["id,name", *(f"n{number},shoe" for number in range(120))]
    (new.folder / "new.csv").write_text("\n".join(rows) + "\n")
    predict(new, "--out", "whole.csv")
    assert "Texts are shorter: typically 4 characters" in caplog.text
    predict(new, "--out", "shards.csv", "--shard-size", "50")
    notes = (new.folder / "whole-notes.md").read_text()
    assert "'shoe' 100 %" in notes
    assert (new.folder / "shards-notes.md").read_text() == notes


def test_any_target_has_a_threshold_the_higher_the_target_the_higher(new):
    predictor = Predictor.load("models/tiny")
    confidence, right = load_file("models/tiny/confidence.safetensors").values()
    for target in (0.5, 0.873, 0.98):
        assert right[confidence >= predictor.threshold(target)].mean() >= target
    assert predictor.threshold(0.5) <= predictor.threshold(0.873) <= predictor.threshold(0.98)

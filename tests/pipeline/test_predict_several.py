"""Exported models of products with several labels, and those whose image expert runs on demand."""

import base64
import json
import time
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from helpers.several import make_several_shop, new_several
from helpers.workspace import Workspace

from latefusion.predictor import BatchPredictor, Predictor
from latefusion.service import Limits
from latefusion.service.app import create_app
from latefusion.tables.dataset import read_dataset
from latefusion.tables.predictions import joined, read_predictions
from latefusion.tables.probabilities import read_split_probs
from latefusion.utils.errors import InputError

LISTS = ["label", "confidences", "next_labels", "next_confidences", "tfidf_label", "image_label"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Workspace:
    """The shop with its exported models; tests must not change it."""
    workspace = make_several_shop(Workspace(tmp_path_factory.mktemp("shop")))
    new_several(workspace.folder / "photos").to_csv(workspace.folder / "new.csv", index=False)
    return workspace


@pytest.fixture
def new(shop, monkeypatch) -> pd.DataFrame:
    """The new products; the shop's folder is the working directory."""
    monkeypatch.chdir(shop.folder)
    return pd.read_csv("new.csv", keep_default_na=False)


@pytest.fixture(scope="module")
def all_experts(shop) -> Predictor:
    return Predictor.load(shop.folder / "models/all", num_workers=0)


@pytest.fixture(scope="module")
def on_demand(shop) -> Predictor:
    return Predictor.load(shop.folder / "models/on_demand", num_workers=0)


def predict_new(shop: Workspace, out, *arguments: str, model: str = "all") -> pd.DataFrame:
    names = ("--model", f"models/{model}", "--products", "new.csv", "--images", "photos", "--out", str(out))
    shop.run_script("13_predict_new.py", *names, *arguments)
    return read(out)


def read(path) -> pd.DataFrame:
    """Return a table of predictions with joined lists."""
    if path.suffix == ".jsonl":
        return joined(pd.read_json(path, lines=True, dtype=False).set_index("id"), "|")
    if path.suffix == ".parquet":
        return joined(pd.read_parquet(path), "|")
    lists = dict.fromkeys(LISTS, "str")
    return pd.read_csv(path, sep=None, engine="python", index_col="id", keep_default_na=False, dtype=lists)


def test_the_submitted_method_assigns_new_products_the_labels_of_its_experiment(shop, on_demand, monkeypatch):
    """With the tuned thresholds of the labels, and the share of the config."""
    monkeypatch.chdir(shop.folder)
    experiment = shop.experiment("vote.members=[on_demand]")
    dataset, run_dir = read_dataset(experiment), experiment.run_root / "submission"
    products = dataset.evaluation_splits["test"].reset_index()[["id", "title", "image"]]
    expected = read_predictions(run_dir, "test", dataset)
    predicted = on_demand.predict(products, "shop")
    assert predicted["label"].str.join("\n").tolist() == expected["label"].tolist()
    np.testing.assert_allclose(predicted["confidence"], expected["confidence"], atol=1e-5)
    found = on_demand.predict_proba(products, "shop")
    np.testing.assert_allclose(found, read_split_probs(run_dir, "test", dataset), atol=1e-5)
    asked = pd.read_parquet(experiment.policy_dir("on_demand") / "test_asked.parquet")["asked"]
    assert predicted["asked"].tolist() == asked.loc[predicted.index].tolist()
    assert 0 < predicted["asked"].mean() < 1


def test_each_row_has_all_its_labels_and_the_next_classes(all_experts, new):
    predicted = all_experts.predict(new, "photos")
    probs = all_experts.predict_proba(new, "photos")
    for id_, row in predicted.iterrows():
        assert row["confidences"] == pytest.approx(probs.loc[id_, row["label"]].tolist())
        assert row["confidence"] == row["confidences"][0]
        following = probs.loc[id_].drop(row["label"]).sort_values(ascending=False, kind="stable")[:3]
        assert row["next_confidences"] == pytest.approx(following.tolist())
        assert not set(row["label"]) & set(row["next_labels"])
        assert row["agree"] == sum(row[f"{name}_label"][:1] == row["label"][:1] for name in ("tfidf", "image"))
    complete = predicted[(predicted["image_label"].str.len() > 0) & (predicted["tfidf_label"].str.len() > 0)]
    assert complete["label"].map(len).between(2, 3).mean() > 0.8  # what it is, its colour, and perhaps gift
    empty = predicted[predicted["unusual"].str.startswith("no text")]
    assert (empty["tfidf_label"].map(len) == 0).all()


def test_products_without_anything_get_the_most_frequent_label(all_experts, new):
    probs = all_experts.predict_proba(pd.DataFrame({"title": [""]}))
    np.testing.assert_allclose(probs.iloc[0], all_experts.manifest.frequencies, atol=1e-6)
    predicted = all_experts.predict(pd.DataFrame({"title": ["", "mug"]})).iloc[0]
    assert predicted["label"] == [probs.columns[probs.iloc[0].argmax()]]
    assert len(all_experts.predict(new[:0])) == 0


def test_every_format_and_shard_size_has_the_same_predictions(shop, new, all_experts, tmp_path):
    suffixes = (".csv", ".jsonl", ".parquet")
    tables = [predict_new(shop, tmp_path / f"out{suffix}", "--shard-size", "7") for suffix in suffixes]
    tables.append(predict_new(shop, tmp_path / "out.tsv"))
    expected = joined(all_experts.predict(new, "photos"), "|")
    for table in tables:
        pd.testing.assert_frame_equal(table[LISTS], expected[LISTS], check_dtype=False, obj="lists")
        np.testing.assert_allclose(table["confidence"], expected["confidence"], atol=1e-5)
    line = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert line["label"] == expected["label"].iloc[0].split("|")
    assert isinstance(line["confidences"][0], float)
    assert list(pd.read_parquet(tmp_path / "out.parquet")["label"].iloc[0]) == line["label"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_first_labels_confidence_decides_what_is_accepted(shop, new, all_experts, tmp_path, suffix):
    expected = all_experts.predict(new, "photos")
    threshold = expected["confidence"].median()
    arguments = ("--min-confidence", str(threshold), "--shard-size", "9")
    sure = predict_new(shop, tmp_path / f"out{suffix}", *arguments)
    review = read(tmp_path / f"out-review{suffix}")
    assert len(sure) + len(review) == len(new)
    assert (sure["confidence"] >= threshold - 1e-6).all()
    assert review["confidence"].is_monotonic_increasing
    assert list(review.columns) == list(sure.columns)


def test_a_share_of_none_and_of_all_are_the_cheap_expert_and_all_experts(all_experts, on_demand, new):
    complete = new[(new["title"] != "") & (new["image"] != "") & (new["image"] != "8.png")]
    experts = all_experts.predict(complete, "photos")
    nothing, everything = (on_demand.predict(complete, "photos", image_share=share) for share in (0, 1))
    assert not nothing["asked"].any()
    assert (nothing["image_label"].map(len) == 0).all()
    assert everything["asked"].all()
    assert everything["image_label"].tolist() == experts["image_label"].tolist()
    probs = on_demand.predict_proba(complete, "photos", image_share=1)
    order = np.argsort(-all_experts.predict_proba(complete, "photos").to_numpy(), axis=1)
    assert np.array_equal(np.argsort(-probs.to_numpy(), axis=1), order)  # calibration keeps the order
    shares = [on_demand.predict(complete, "photos", image_share=share)["asked"] for share in (0, 0.3, 0.7, 1)]
    assert [share.mean() for share in shares] == sorted(share.mean() for share in shares)
    assert all((more >= fewer).all() for fewer, more in pairwise(shares))


def test_what_is_asked_for_depends_on_the_product_alone(shop, on_demand, new, tmp_path):
    together = on_demand.predict(new, "photos", image_share=0.5)
    rows = [on_demand.predict(new[n : n + 1], "photos", image_share=0.5) for n in range(len(new))]
    others = ["label", "tfidf_label", "image_label", "problem", "unusual", "asked"]
    assert pd.concat(rows)[others].to_dict() == together[others].to_dict()
    np.testing.assert_allclose(pd.concat(rows)["confidence"], together["confidence"], atol=1e-5)
    options = ("--image-share", "0.5", "--shard-size", "6")
    shards = predict_new(shop, tmp_path / "out.csv", *options, model="on_demand")
    assert shards["asked"].tolist() == together["asked"].tolist()
    assert shards["label"].tolist() == together["label"].str.join("|").tolist()


def test_images_that_are_not_asked_for_are_not_looked_at(shop, on_demand, new, tmp_path, caplog):
    """Nor are damaged ones found, or drawings unusual; a damaged one that is asked for is as if it was not there."""
    before = on_demand.predict(new, "photos", image_share=0.5)
    folder = tmp_path / "photos"
    folder.mkdir()
    looked = before["asked"] & (new.set_index("id")["image"] != "")
    for id_, name in new.set_index("id")["image"].items():
        if name:
            content = (shop.folder / "photos" / name).read_bytes()
            (folder / name).write_bytes(content if looked[id_] else b"half")
    after = on_demand.predict(new, folder, image_share=0.5)
    assert joined(after, "|").equals(joined(before, "|"))
    damaged = before.index[looked & (before["problem"] == "") & (before["tfidf_label"].map(len) > 0)][0]
    name = new.set_index("id")["image"][damaged]
    (folder / name).write_bytes(b"half")
    found = on_demand.predict(new, folder, image_share=0.5).loc[damaged]
    lacking = on_demand.predict(new.assign(image=new["image"].where(new["id"] != damaged, "")), folder, image_share=0.5)
    assert (found["problem"], found["asked"]) == ("not an image", True)
    assert found["label"] == lacking.loc[damaged, "label"]
    assert found["confidence"] == pytest.approx(lacking.loc[damaged, "confidence"], abs=1e-6)
    caplog.set_level("INFO")
    predict_new(shop, tmp_path / "out.csv", "--image-share", "0.5", model="on_demand")
    told = f"asked for {before['asked'].sum()} of {len(new)} products"
    assert told in caplog.text
    assert f"the images of {looked.sum()} were looked at" in caplog.text


@pytest.mark.parametrize(
    ("model", "share", "message"),
    [
        ("all", "0.3", "--image-share: the method vote always runs all of its experts"),
        ("on_demand", "1.5", "--image-share 1.5: give a share from 0 to 1"),
        ("on_demand", "nan", "--image-share nan: give a share from 0 to 1"),
    ],
)
def test_a_share_that_cannot_be_meant_is_refused(shop, new, tmp_path, capsys, model, share, message):
    with pytest.raises(SystemExit) as stopped:
        predict_new(shop, tmp_path / "out.csv", "--image-share", share, model=model)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    with pytest.raises(InputError, match="--image-share"):
        Predictor.load(f"models/{model}").predict(new, "photos", image_share=float(share))


def test_batches_have_the_same_columns_and_types_with_and_without_rows(new, on_demand):
    predictor = BatchPredictor("models/on_demand", "photos", image_share=0.5)
    table, empty = predictor(new), predictor(new[:0])
    assert table.dtypes.equals(empty.dtypes)
    expected = on_demand.predict(new, "photos", image_share=0.5)
    assert [list(cell) for cell in table["label"]] == expected["label"].tolist()
    assert table["asked"].tolist() == expected["asked"].tolist()
    schema = predictor.spark_schema()
    assert "`label` array<string>" in schema
    assert "`next_confidences` array<double>" in schema
    assert "`asked` boolean" in schema


def test_the_service_answers_with_all_labels(shop, on_demand):
    app = create_app(on_demand, 0.5, Limits(), image_share=1)
    with TestClient(app) as client:
        while client.get("/ready").status_code != 200:
            time.sleep(0.01)
        image = base64.b64encode((shop.folder / "photos/0.png").read_bytes()).decode()
        products = [{"id": "a", "title": "mug for coffee in a gift box", "image": image}, {"title": "mug for coffee"}]
        answer = client.post("/v1/predict", json={"products": products}).json()["predictions"]
        about, schema = client.get("/v1/model").json(), client.get("/openapi.json").json()
        metrics = client.get("/metrics").text
    assert {label["label"] for label in answer[0]["labels"]} >= {"mug", "gift"}
    assert answer[0]["confidence"] == answer[0]["labels"][0]["confidence"]
    assert [one["asked"] for one in answer] == [True, False]
    assert answer[1]["experts"] == {"tfidf": [answer[1]["labels"][0]["label"]], "image": None}
    assert len(answer[1]["next"]) == 3
    assert (about["labels"], about["image_share"]) == ("several", 1)
    prediction = schema["components"]["schemas"]["Prediction"]["properties"]
    assert {"labels", "next", "experts", "asked"} <= set(prediction)
    assert "label" not in prediction
    assert "latefusion_asked_total 1" in metrics

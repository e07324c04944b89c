"""Batches of a cluster: the same predictions as in one process, in whatever batches and processes. Needs no cluster."""

import pickle
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from helpers.clusters import assert_same, new_products

from latefusion.predictor import BatchPredictor, Predictor, batches
from latefusion.utils.errors import InputError


@pytest.fixture(scope="module")
def shop(exported_shop, tmp_path_factory):
    """The folders of an exported model and of images, new products and their predictions; do not change them."""
    model, images = exported_shop.folder / "models/tiny", tmp_path_factory.mktemp("shop") / "new"
    table = new_products(images)
    return model, images, table, Predictor.load(model).predict(table, images)


def test_batches_are_predicted_as_one_process_predicts_all(shop):
    model, images, table, expected = shop
    predictor = BatchPredictor(model, images)
    for size in (1, 7, 60):
        parts = [table.iloc[start : start + size] for start in range(0, len(table), size)]
        assert_same(pd.concat(predictor.predict_all(parts)), expected)


def test_a_batch_without_rows_has_the_columns_and_dtypes_of_others(shop):
    model, images, table, expected = shop
    predictor = BatchPredictor(model, images)
    some = predictor(table)
    assert list(some) == ["id", *expected]
    for empty in (table[:0], table[:0].astype("float64"), pd.DataFrame(), pd.DataFrame({"id": []})):
        assert len(predictor(empty)) == 0
        pd.testing.assert_series_equal(predictor(empty).dtypes, some.dtypes)
    one_kind = predictor(table[table["image"].isna()][["id", "title"]])  # no column of images at all
    pd.testing.assert_series_equal(one_kind.dtypes, some.dtypes)
    fields = dict(field.split(" ") for field in predictor.spark_schema().split(", "))
    assert [name.strip("`") for name in fields] == list(some)
    assert fields["`confidence`"] == "double"
    assert fields["`agree`"] == "bigint"
    assert fields["`label`"] == "string"


def test_a_process_reads_the_model_once_and_a_replaced_one_again(shop, monkeypatch, tmp_path):
    model, images, table, _ = shop
    folder = shutil.copytree(model, tmp_path / "model")
    loaded = []
    monkeypatch.setattr(
        Predictor,
        "load",
        lambda folder, load=Predictor.load, **options: loaded.append(folder) or load(folder, **options),
    )
    for _ in range(3):  # Spark makes one for each partition
        BatchPredictor(folder, images)(table[:2])
    assert loaded == [folder]
    manifest = folder / "model.json"
    manifest.write_text(manifest.read_text() + "\n")  # as another export
    BatchPredictor(folder, images)(table[:2])
    assert loaded == [folder, folder]


PICKLED = """
import pickle, sys
predictor, table = pickle.load(sys.stdin.buffer)
assert "torch" in sys.modules  # the module was imported, and no model with it
pickle.dump(predictor(table), sys.stdout.buffer)
"""


def test_what_travels_to_another_process_is_small_and_loads_the_model_there(shop):
    model, images, table, expected = shop
    predictor = BatchPredictor(model, images)
    predictor(table[:1])
    assert len(pickle.dumps(predictor.predict_all)) < 1000
    run = subprocess.run(
        [sys.executable, "-c", PICKLED], input=pickle.dumps((predictor, table)), capture_output=True, check=True
    )
    assert_same(pickle.loads(run.stdout), expected)


def test_a_machine_with_another_model_or_without_the_folders_refuses(shop, tmp_path):
    model, images, table, _ = shop
    folder = shutil.copytree(model, tmp_path / "model")
    copy = pickle.loads(pickle.dumps(BatchPredictor(folder, images)))
    assert len(copy(table[:2])) == 2
    (folder / "model.json").write_text((folder / "model.json").read_text() + "\n")
    with pytest.raises(InputError, match=r"model on .*: this is another model than where the work was planned"):
        copy(table[:2])
    shutil.rmtree(folder)
    with pytest.raises(InputError, match=r"model on .*: there is no exported model: copy it there"):
        copy(table[:2])
    with pytest.raises(InputError, match=r"nowhere on .*: there is no such folder of images"):
        BatchPredictor(model, "/nowhere")(table[:2])


def test_products_that_could_not_be_told_apart_are_refused(shop):
    model, images, table, _ = shop
    predictor = BatchPredictor(model, images)
    with pytest.raises(InputError, match="no column 'id' among title, image: batches have no common index"):
        predictor(table.drop(columns="id"))
    with pytest.raises(InputError, match="1 of 3 products of a batch have no sku: give each product an id"):
        predictor(table[:3].assign(id=["a", None, "b"]).rename(columns={"id": "sku"}))
    with pytest.raises(InputError, match="Ids that occur more than once"):
        predictor(pd.concat([table[:2], table[:1]]))
    with pytest.raises(InputError, match="no column 'title'"):
        predictor(table[["id", "image"]])


def test_loaders_start_no_processes_on_a_cluster(shop):
    model, images, table, _ = shop
    predictor, _ = batches._open(model, BatchPredictor(model).version())
    assert predictor.experiment.hardware.num_workers == 0
    assert BatchPredictor(model, images)(table[:1])["id"].tolist() == table["id"][:1].tolist()

"""Prediction with Spark, with two workers on this machine."""

import os
import runpy
import shutil
import sys

import pandas as pd
import pytest
from helpers.clusters import assert_same
from helpers.workspace import REPOSITORY

from latefusion import BatchPredictor

pyspark = pytest.importorskip("pyspark", reason="pyspark is not installed: make test-clusters")
pytestmark = [
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java, which is not installed"),
]
EXAMPLE = REPOSITORY / "docs/examples/spark_predict.py"


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY / "tests")]))
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.chdir(tmp_path_factory.mktemp("spark"))
        builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", False)
        builder = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", 7)
        session = builder.config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()


@pytest.fixture
def example():
    return runpy.run_path(str(EXAMPLE))["predict"]


def test_partitions_are_predicted_as_one_process_predicts_all(spark, example, shop, tmp_path):
    example(spark, shop.model, shop.products, shop.images, tmp_path / "out", partitions=3)
    assert_same(pd.read_parquet(tmp_path / "out"), shop.expected)


def test_partitions_without_rows(spark, example, shop, tmp_path):
    shop.table[:2].to_parquet(tmp_path / "new.parquet")
    example(spark, shop.model, tmp_path / "new.parquet", shop.images, tmp_path / "out", partitions=5)
    assert_same(pd.read_parquet(tmp_path / "out"), shop.expected.loc[shop.table["id"][:2]])
    shop.table[:0].to_parquet(tmp_path / "none.parquet")
    example(spark, shop.model, tmp_path / "none.parquet", shop.images, tmp_path / "no_rows", partitions=2)
    table = spark.read.parquet(str(tmp_path / "no_rows"))
    assert table.count() == 0
    assert table.columns == ["id", *shop.expected]


def test_a_csv_file(spark, example, shop, tmp_path):
    table = shop.table.loc[shop.table["title"].str.len() < 100, ["id", "title"]]
    table.to_csv(tmp_path / "new.csv", index=False)
    example(spark, shop.model, tmp_path / "new.csv", None, tmp_path / "out", partitions=2)
    assert sorted(pd.read_parquet(tmp_path / "out")["id"]) == sorted(table["id"])


def test_a_refusal_reaches_the_user(spark, shop):
    predictor = BatchPredictor(shop.model, shop.images)
    table = spark.createDataFrame([("lamp",)], ["title"])
    with pytest.raises(pyspark.errors.PySparkException, match="no column 'id' among title"):
        table.mapInPandas(predictor.predict_all, schema=predictor.spark_schema()).collect()

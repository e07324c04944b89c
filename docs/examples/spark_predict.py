"""Predict a table of products on a Spark cluster: Parquet or CSV in, Parquet out.

spark-submit docs/examples/spark_predict.py --model models/my_shop --products new.parquet --out labels

The model, the images and the folder of --out are read and written by all machines: they need the same paths there.
"""

import argparse
from pathlib import Path

from pyspark.sql import SparkSession

from latefusion import BatchPredictor


def predict(
    spark: SparkSession, model: Path, products: Path, images: Path | None, out: Path, *, partitions: int
) -> None:
    """Write the predictions to Parquet files in the folder `out`."""
    if products.suffix == ".csv":
        table = spark.read.csv(str(products), header=True, multiLine=True, escape='"')
    else:
        table = spark.read.parquet(str(products))
    predictor = BatchPredictor(model, images)
    predicted = table.repartition(partitions).mapInPandas(predictor.predict_all, schema=predictor.spark_schema())
    predicted.write.parquet(str(out))  # an error if it exists


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, required in (("--model", True), ("--products", True), ("--images", False), ("--out", True)):
        parser.add_argument(name, type=lambda path: Path(path).absolute(), required=required)
    parser.add_argument("--partitions", type=int, default=8, help="at least as many as Spark's cores")
    arguments = parser.parse_args()
    session = SparkSession.builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", 1000).getOrCreate()
    predict(session, **vars(arguments))
    session.stop()

"""Predict a table of products on a Ray cluster: Parquet or CSV in, Parquet out.

python docs/examples/ray_predict.py --model models/my_shop --products new.parquet --images data/images --out labels

The model, the images and the folder of --out are read and written by all machines: they need the same paths there.
"""

import argparse
from pathlib import Path

import ray

from latefusion import BatchPredictor


def predict(model: Path, products: Path, images: Path | None, out: Path, *, workers: int, batch_size: int) -> None:
    """Write the predictions to Parquet files in the folder `out`."""
    read = ray.data.read_csv if products.suffix == ".csv" else ray.data.read_parquet
    table = read(str(products)).repartition(target_num_rows_per_block=batch_size)
    predicted = table.map_batches(
        BatchPredictor,
        fn_constructor_args=(model, images, BatchPredictor(model).version()),
        batch_format="pandas",
        batch_size=batch_size,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,  # of each worker; Ray starts it with as many threads. With GPUs: num_gpus=1
    )
    predicted.write_parquet(str(out), mode=ray.data.SaveMode.ERROR)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, required in (("--model", True), ("--products", True), ("--images", False), ("--out", True)):
        parser.add_argument(name, type=lambda path: Path(path).absolute(), required=required)
    parser.add_argument("--workers", type=int, default=2, help="processes; one CPU or more must be left for reading")
    parser.add_argument("--batch-size", type=int, default=1000)
    arguments = parser.parse_args()
    ray.init()  # the cluster of RAY_ADDRESS, or this machine
    predict(**vars(arguments))

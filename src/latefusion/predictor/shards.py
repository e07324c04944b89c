"""Predict a long table in shards, each of which is written whole; an interrupted run goes on after the last one.

The shards lie beside the output, in `<out>.shards/`, until all are there. The folder's `about.json` says of which
model, table and settings they are; shards of others are removed.
"""

import logging
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from latefusion.images.files import stat_files
from latefusion.plan.records import describe_file, digest
from latefusion.predictor.manifest import NAME
from latefusion.predictor.predictor import Predictor
from latefusion.utils.files import atomic_write, read_json, write_json

logger = logging.getLogger(__name__)


def predict_in_shards(
    predictor: Predictor, products: pd.DataFrame, source: Path, images: Path | None, out: Path, size: int
) -> pd.DataFrame:
    """Return the predictions of all products; `source` is the file that they are from."""
    folder = out.with_name(f"{out.name}.shards")
    about = {
        "model": describe_file(predictor.folder / NAME),
        "products": describe_file(source),
        "images": None if images is None else _describe_images(images, products["image"].dropna()),
        "shard_size": size,
    }
    if _read(folder / "about.json") != about:
        shutil.rmtree(folder, ignore_errors=True)
        write_json(folder / "about.json", about)
    elif done := len(list(folder.glob("*.parquet"))):
        logger.info("%s: %d shards are there already: continuing", out, done)
    shards = []
    with tqdm(total=len(products), desc="predicting", unit="product", disable=None) as bar:
        for number, start in enumerate(range(0, len(products), size)):
            rows = products.iloc[start : start + size]
            shards.append(_shard(folder / f"{number:05d}.parquet", partial(predictor.predict, rows, images)))
            bar.update(len(rows))
    return pd.concat(shards)


def remove_shards(out: Path) -> None:
    """Remove the shards of an output that is written."""
    shutil.rmtree(out.with_name(f"{out.name}.shards"), ignore_errors=True)


def _describe_images(folder: Path, named: pd.Series) -> str:
    """Return a hash of the sizes and times of the images that are there."""
    found = stat_files(folder, named.unique())
    return digest([str(folder.resolve()), {path: [state.st_size, state.st_mtime_ns] for path, state in found.items()}])


def _shard(path: Path, predict: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    if not path.is_file():
        shard = predict()
        with atomic_write(path) as unfinished:
            shard.to_parquet(unfinished)
    return pd.read_parquet(path)


def _read(path: Path) -> object:
    try:
        return read_json(path)
    except (OSError, ValueError):
        return None

"""Predict a long table in shards, each of which is written atomically; an interrupted run goes on after the last one.

The shards lie beside the output, in `<out>.shards/`, until all are there. The folder's `about.json` says of which
model, table and settings they are; shards of others are removed. A shard says of which images it is. One shard at a
time is in memory.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pandas as pd

from latefusion.catalogue import NewProducts
from latefusion.images.fetched import find_fetched
from latefusion.images.several import list_images
from latefusion.plan.records import describe_file, digest
from latefusion.predictor.manifest import NAME
from latefusion.predictor.predictor import Predictor
from latefusion.utils.files import atomic_write, read_json, write_json
from latefusion.utils.parquet import read_frame
from latefusion.utils.progress import Bar

logger = logging.getLogger(__name__)


def shards_of(out: Path) -> Path:
    """Return the folder of an output's shards."""
    return out.with_name(f"{out.name}.shards")


def predict_in_shards(
    predictor: Predictor, products: NewProducts, n_products: int, images: Path | None, out: Path, size: int, *,
    image_share: float | None = None, seen: Callable[[pd.DataFrame, pd.DataFrame], None] | None = None,
) -> list[Path]:  # fmt: skip
    """Write the predictions of all products, `size` rows a shard; return the shards in the order of the table.

    `seen` gets the products and the predictions of each shard, also of those that were there already.
    """
    folder = shards_of(out)
    about = {
        "model": describe_file(predictor.folder / NAME),
        "products": describe_file(products.path),
        "read as": products.catalogue.model_dump(mode="json", exclude={"root"}),
        "images": None if images is None else str(images.resolve()),
        "shard_size": size,
        "image_share": image_share,
    }
    if _read(folder / "about.json") != about:
        shutil.rmtree(folder, ignore_errors=True)
        write_json(folder / "about.json", about)
    elif done := len(list(folder.glob("[0-9]*.parquet"))):
        logger.info("%s: %d shards are there already: continuing", out, done)
    shards = []
    with Bar(total=n_products, desc="predicting", unit="product") as bar:
        for number, rows in enumerate(products.blocks(size)):
            path = folder / f"{number:05d}.parquet"
            state = "" if images is None else _describe_images(images, rows["image"])
            _write(path, partial(predictor.predict, rows, images, image_share), state)
            shards.append(path)
            if seen is not None:
                seen(rows if images is not None else rows.assign(image=None), read_frame(path))
            bar.update(len(rows))
    return shards


def read_shards(shards: list[Path]) -> Iterator[pd.DataFrame]:
    """Yield the predictions, shard by shard; index: id."""
    for path in shards:
        yield read_frame(path)


def empty_table(shards: list[Path]) -> pd.DataFrame:
    """Return a table of predictions without rows."""
    return read_frame(shards[0]).iloc[:0]


def remove_shards(out: Path) -> None:
    """Remove the shards of an output that is written."""
    shutil.rmtree(shards_of(out), ignore_errors=True)


def _write(path: Path, predict: Callable[[], pd.DataFrame], images: str) -> None:
    """Write a shard, unless it is there and of the same images."""
    if path.is_file():
        if read_frame(path, columns=[]).attrs.get("images") == images:
            return
        logger.info("%s: images have changed since: predicting again", path.name)
    shard = predict()
    shard.attrs["images"] = images
    with atomic_write(path) as unfinished:
        shard.to_parquet(unfinished)


def _describe_images(folder: Path, named: pd.Series) -> str:
    """Return a hash of the sizes and times of the images that are there."""
    return digest([_state(folder / path) for path in find_fetched(folder, list_images(named))])


def _state(path: Path) -> list[int] | None:
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return [state.st_size, state.st_mtime_ns]


def _read(path: Path) -> object:
    try:
        return read_json(path)
    except (OSError, ValueError):
        return None

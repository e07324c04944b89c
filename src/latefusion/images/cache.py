"""The cache of decoded images: built once, read by all experts, built again if it is stale or damaged.

Writes to `weights/<experiment>/cache/`: `images_<side>.npy`, all images as one (N, side, side, 3) uint8 array, in the
order of the products; `images_<side>.json`, the stamp: a description of the images from which the cache was built. If
two jobs need the cache at the same time, one waits for the other. On a file system without locks both build it, under
different temporary names.
"""

import json
import logging
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd

from latefusion.config import Experiment
from latefusion.images.files import stat_files
from latefusion.images.header import MAX_PIXELS, count_pixels, own_size_limits
from latefusion.images.several import all_paths
from latefusion.images.store import ImageStore, load_image, resize
from latefusion.utils.budget import Budget
from latefusion.utils.files import read_json, remove
from latefusion.utils.locks import locked
from latefusion.utils.progress import Bar
from latefusion.utils.seeds import derive_seed

logger = logging.getLogger(__name__)
CHUNK = 256  # images that are decoded together, before they are written
ABANDONED_AFTER = 3600  # seconds without a write after which another machine's partial file is removed


def cached_images(experiment: Experiment, products: pd.DataFrame) -> ImageStore:
    """Return the images of an experiment. If it uses a cache, build the cache unless it is already built."""
    return open_images(products, experiment.catalogue.root, experiment.run_root / "cache", experiment.cache_side)


def open_images(products: pd.DataFrame, root: Path, cache_dir: Path, cache_side: int | None) -> ImageStore:
    """Return the catalogue's images, from a cache unless `cache_side` is None; build it if necessary."""
    if cache_side is None:
        return ImageStore(products, root)
    path = cache_dir / f"images_{cache_side}.npy"
    stamp = _stamp(products, root, cache_side)
    if not _is_built(path, stamp):
        with locked(path, wait=True) as has_lock:
            if not _is_built(path, stamp):  # another job may have built it meanwhile
                _build(path, products, root, stamp, has_lock=has_lock)
    return ImageStore(products, root, path, stamp)


def _stamp(products: pd.DataFrame, root: Path, side: int) -> dict:
    """Return the stamp of these images, which changes when an image is replaced, added or removed."""
    paths = all_paths(products)
    found = stat_files(root, [path for path in paths if path is not None])
    states = [f"{path} {found[path].st_size} {found[path].st_mtime_ns}" for path in found]
    images = [path if path in found else "none" for path in paths]
    return {
        "side": side,
        "images": derive_seed(*products.index, *images, *states),
        "shape": [len(paths), side, side, 3],
    }


def _is_built(path: Path, stamp: dict) -> bool:
    """Return whether the cache exists, is complete and has this stamp."""
    try:
        if read_json(path.with_suffix(".json")) != stamp | {"bytes": path.stat().st_size}:
            return False
        array = np.load(path, mmap_mode="r")
    except (OSError, ValueError):  # missing or damaged
        return False
    return array.dtype == np.uint8 and list(array.shape) == stamp["shape"]


def _build(path: Path, products: pd.DataFrame, root: Path, stamp: dict, *, has_lock: bool) -> None:
    """Write the cache under temporary names, rename the array, then rename the stamp."""
    remove(path.with_suffix(".json"))
    _remove_abandoned(path, has_lock=has_lock)
    private = path.with_name(f"{path.name}.{socket.gethostname()}.{uuid4().hex[:8]}.partial")
    private_stamp = private.with_suffix(".stamp.partial")
    try:
        _write(private, products, root, stamp["side"])
        private_stamp.write_text(json.dumps(stamp | {"bytes": private.stat().st_size}), encoding="utf-8")
        os.replace(private, path)
        os.replace(private_stamp, path.with_suffix(".json"))
    finally:
        remove(private)
        remove(private_stamp)


def _remove_abandoned(path: Path, *, has_lock: bool) -> None:
    """Remove the partial files of killed jobs: this machine's if it has the lock, others' if old."""
    for partial in path.parent.glob(f"{path.name}.*.partial"):
        ours = has_lock and partial.name.startswith(f"{path.name}.{socket.gethostname()}.")
        with suppress(FileNotFoundError):  # its job has just renamed it
            if ours or time.time() - partial.stat().st_mtime > ABANDONED_AFTER:
                partial.unlink()


def _write(path: Path, products: pd.DataFrame, root: Path, side: int) -> None:
    paths = all_paths(products)
    shape = (len(paths), side, side, 3)
    logger.info(
        "caching %d images of %d pixels: %.2f GB in %s",
        len(paths),
        side,
        np.prod(shape, dtype=float) / 1e9,
        path.parent,
    )
    read = _bounded_reader(root, side)
    # Written row by row, not through a memory map: on a full disk, a write raises an error, a map kills the process.
    with path.open("wb") as file, own_size_limits(), ThreadPoolExecutor() as pool:
        np.lib.format.write_array_header_2_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        with Bar(total=len(paths), unit="image", desc="cache") as bar:
            for start in range(0, len(paths), CHUNK):
                for image in pool.map(read, paths[start : start + CHUNK]):  # OpenCV releases the GIL
                    file.write(image.tobytes())
                    bar.update()


def _bounded_reader(root: Path, side: int) -> Callable[[str | None], np.ndarray]:
    """Return a function that reads an image, None: a white one; all threads hold at most MAX_PIXELS at one time."""
    budget = Budget(MAX_PIXELS)

    def read(path: str | None) -> np.ndarray:
        with budget.taken(0 if path is None else count_pixels(root / path)):
            return resize(load_image(root, path), side)

    return read

"""Pictures as arrays: decoded and resized in one way, for training and for inference alike.

One resizer (OpenCV's area averaging) everywhere: resizers differ by up to 23 grey levels, and a network notices.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from latefusion.errors import InputError
from latefusion.files import read_json, whole, write_json
from latefusion.randomness import derive_seed

logger = logging.getLogger(__name__)
CHUNK = 256  # pictures decoded ahead of the one being written
JPEG = b"\xff\xd8"
NO_IMAGE_GREY = 255  # a product without a picture is an empty white background


def read_image(path: Path) -> np.ndarray:
    """Return the picture as (H, W, 3) uint8 RGB. Raises InputError naming a file that cannot be decoded."""
    image = decode(path)
    if image is None:
        raise InputError(
            f"{path}: cannot be decoded; repair or remove it, delete the experiment's catalogue/ folder under weights/ "
            "and run src/01_prepare.py again"
        )
    return image


def decode(path: Path) -> np.ndarray | None:
    """Return a file's picture, upright, as (H, W, 3) uint8 RGB; transparency over white, animations still.

    None where OpenCV cannot decode it, or there is no file.
    """
    return decode_bytes(read_bytes(path))


def read_bytes(path: Path) -> np.ndarray:
    """Return a file's bytes, none where there is no file."""
    return np.fromfile(path, dtype=np.uint8) if path.is_file() else np.empty(0, dtype=np.uint8)


def decode_bytes(encoded: np.ndarray) -> np.ndarray | None:
    """Return the picture that a file's bytes hold, as `decode` does."""
    if not encoded.size:
        return None
    if encoded[: len(JPEG)].tobytes() != JPEG:  # JPEG has no transparency, and is nearly all there is to read
        image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
        if image is not None and image.ndim == 3 and image.shape[2] == 4:
            return _over_white(image)
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)


def _over_white(image: np.ndarray) -> np.ndarray:
    """Turn (H, W, 4) BGRA of 8 or 16 bits into RGB as it looks on a white page."""
    full = np.iinfo(image.dtype).max
    alpha = image[..., 3:] / full
    return np.round((image[..., 2::-1] / full * alpha + 1 - alpha) * 255).astype(np.uint8)


def resize(image: np.ndarray, side: int) -> np.ndarray:
    """Return the picture squeezed into a square, as published."""
    if image.shape[:2] == (side, side):
        return image
    shrinks = min(image.shape[:2]) >= side
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


class ImageStore:
    """The pictures of a catalogue by product id, from files or from a cache of decoded ones."""

    def __init__(self, products: pd.DataFrame, root: Path, cache: Path | None = None):
        self._paths = products["image"]
        self._rows = {id_: row for row, id_ in enumerate(products.index)}
        self._root = root
        self._cache_path = cache
        self._cache = None

    def __getstate__(self) -> dict:
        """Leave the open cache behind: a loader process opens it anew, and is not sent all pictures."""
        return self.__dict__ | {"_cache": None}

    def read(self, id_: str, side: int) -> np.ndarray:
        """Return (side, side, 3) uint8 RGB; white where the product has no picture."""
        return resize(self.picture(id_), side)

    def picture(self, id_: str) -> np.ndarray:
        """Return (H, W, 3) uint8 RGB as it is stored; one white pixel where the product has no picture."""
        if self._cache_path is not None:
            if self._cache is None:
                self._cache = np.load(self._cache_path, mmap_mode="r")
            return self._cache[self._rows[id_]]
        path = self._paths[id_]
        if pd.isna(path):
            return np.full((1, 1, 3), NO_IMAGE_GREY, dtype=np.uint8)
        return read_image(self._root / path)


def open_images(products: pd.DataFrame, root: Path, cache_dir: Path, cache_side: int | None) -> ImageStore:
    """Open the catalogue's pictures, building the cache of decoded ones where the experiment asks for it."""
    store = ImageStore(products, root)
    if cache_side is None:
        return store
    path = cache_dir / f"images_{cache_side}.npy"
    stamp_path = path.with_suffix(".json")
    stamp = {"side": cache_side, "pictures": derive_seed(*products.index, *_file_states(products["image"], root))}
    if not (path.exists() and stamp_path.exists() and read_json(stamp_path) == stamp):
        stamp_path.unlink(missing_ok=True)
        _build_cache(path, products.index, lambda id_: store.read(id_, cache_side), cache_side)
        write_json(stamp_path, stamp)
    return ImageStore(products, root, path)


def _file_states(images: pd.Series, root: Path) -> list[str]:
    """Name, size and time of every picture: a replaced file makes the cache stale, so does one that has gone."""
    states = []
    for name in images:
        there = not pd.isna(name) and (root / name).is_file()
        stat = (root / name).stat() if there else None
        states.append(f"{name} {stat.st_size} {stat.st_mtime_ns}" if there else "none")
    return states


def _build_cache(path: Path, ids: pd.Index, read: Callable[[str], np.ndarray], side: int) -> None:
    """Write all pictures as one (N, side, side, 3) uint8 array, row order as `ids`."""
    shape = (len(ids), side, side, 3)
    logger.info(
        "caching %d pictures of %d pixels: %.2f GB in %s", len(ids), side, np.prod(shape, dtype=float) / 1e9, path
    )
    # Written row by row, not through a memory map: on a full disk a map kills the process, a write raises.
    with whole(path) as partial, partial.open("wb") as file, ThreadPoolExecutor() as pool:
        np.lib.format.write_array_header_2_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        with tqdm(total=len(ids), unit="image", desc="cache", disable=None) as bar:
            for start in range(0, len(ids), CHUNK):
                for picture in pool.map(read, ids[start : start + CHUNK]):  # OpenCV lets go of the interpreter's lock
                    file.write(picture.tobytes())
                    bar.update()

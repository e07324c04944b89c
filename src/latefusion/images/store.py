"""Images as arrays: decoded and resized in one way, for training and for inference alike.

One resizer (OpenCV's area averaging) everywhere: resizers differ by up to 23 grey levels, and a network notices.
"""

import struct
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import UnidentifiedImageError

from latefusion.images.orientation import read_orientation, turn
from latefusion.utils.errors import InputError, StepError
from latefusion.utils.files import read_json

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it names no file; who decodes here does
JPEG = b"\xff\xd8"
PNG = b"\x89PNG\r\n\x1a\n"
NO_IMAGE_GREY = 255  # a product without an image is an empty white background
DAMAGE = (cv2.error, UnidentifiedImageError, RuntimeError, ValueError)  # raised for some formats, for others no image
BAND = 1 << 20  # pixels laid over white at once: the calculation takes 70 bytes for each


def read_image(path: Path) -> np.ndarray:
    """Return the image as (H, W, 3) uint8 RGB. Raises InputError naming a file that cannot be decoded."""
    try:
        image = decode(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if image is None:
        raise StepError(
            f"{path}: cannot be decoded, so it is not the file that {{step}} has checked: put that back, or run "
            "{step} again",
            "prepare",
        )
    return image


def decode(path: Path) -> np.ndarray | None:
    """Return a file's image, upright, as (H, W, 3) uint8 RGB; transparency over white, animations still.

    None where OpenCV cannot decode it, or there is no file.
    """
    return decode_bytes(read_bytes(path))


def read_bytes(path: Path) -> np.ndarray:
    """Return a file's bytes, none where there is no file."""
    return np.fromfile(path, dtype=np.uint8) if path.is_file() else np.empty(0, dtype=np.uint8)


def is_jpeg(encoded: np.ndarray) -> bool:
    return encoded[: len(JPEG)].tobytes() == JPEG


def decode_bytes(encoded: np.ndarray) -> np.ndarray | None:
    """Return the image that a file's bytes hold, as `decode` does."""
    if not encoded.size:
        return None
    try:
        # JPEG has no transparency, and is nearly all there is to read.
        return cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB) if is_jpeg(encoded) else _decode_other(encoded)
    except DAMAGE:
        return None


def _decode_other(encoded: np.ndarray) -> np.ndarray | None:
    """Decode what may be transparent. OpenCV turns an image upright only if it leaves its transparency out."""
    if encoded[: len(PNG)].tobytes() == PNG and not fits_its_chunks(encoded):
        return None
    image, kinds, blocks = cv2.imdecodeWithMetadata(encoded, cv2.IMREAD_UNCHANGED)
    if image is None:
        return None
    if image.ndim == 3 and image.shape[2] == 4:
        if image.dtype.kind != "u":
            return None  # floats have no agreed white
        return turn(_over_white(image), read_orientation(encoded, kinds, blocks))
    del image  # at most one copy of a large image at a time
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
    return image if image is None else turn(image, read_orientation(encoded))


def fits_its_chunks(png: np.ndarray) -> bool:
    """Tell whether the chunks of a PNG's bytes end within the file: OpenCV takes up to 4 GB for one that does not."""
    start = len(PNG)
    while start + 8 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, start)
        if kind == b"IEND":
            return True
        start += length + 12  # length, kind and checksum
    return start <= len(png)


def _over_white(image: np.ndarray) -> np.ndarray:
    """Turn (H, W, 4) BGRA of 8 or 16 bits into RGB as it looks on a white background."""
    full = np.iinfo(image.dtype).max
    result = np.empty((*image.shape[:2], 3), dtype=np.uint8)
    step = max(1, BAND // image.shape[1])
    for top in range(0, len(image), step):
        band = image[top : top + step]
        alpha = band[..., 3:] / full
        result[top : top + step] = np.round((band[..., 2::-1] / full * alpha + 1 - alpha) * 255)
    return result


def resize(image: np.ndarray, side: int) -> np.ndarray:
    """Return the image squeezed into a square, as published."""
    if image.shape[:2] == (side, side):
        return image
    shrinks = min(image.shape[:2]) >= side
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


class ImageStore:
    """The images of a catalogue by product id, from files or from a cache of decoded ones."""

    def __init__(self, products: pd.DataFrame, root: Path, cache: Path | None = None, stamp: dict | None = None):
        """Take the products whose `image` is a path relative to `root`; a cache has a row for each, and its stamp."""
        self._paths = products["image"]
        self._rows = {id_: row for row, id_ in enumerate(products.index)}
        self._root = root
        self._cache_path, self._stamp = cache, stamp
        self._cache = None

    def __getstate__(self) -> dict:
        """Leave the open cache behind: a loader process opens it anew, and is not sent all images."""
        return self.__dict__ | {"_cache": None}

    def read(self, id_: str, side: int) -> np.ndarray:
        """Return (side, side, 3) uint8 RGB; white where the product has no image."""
        return resize(self.load(id_), side)

    def load(self, id_: str) -> np.ndarray:
        """Return (H, W, 3) uint8 RGB as it is stored; one white pixel where the product has no image."""
        if self._cache_path is not None:
            if self._cache is None:
                self._cache = self._open_cache()
            return self._cache[self._rows[id_]]
        path = self._paths[id_]
        if pd.isna(path):
            return np.full((1, 1, 3), NO_IMAGE_GREY, dtype=np.uint8)
        return read_image(self._root / path)

    def _open_cache(self) -> np.ndarray:
        """Return the cache, of these very products: a worker may open it after it was made again for others."""
        try:
            cache = np.load(self._cache_path, mmap_mode="r")
            is_ours = read_json(self._cache_path.with_suffix(".json")).items() >= self._stamp.items()
        except (OSError, ValueError):
            is_ours = False
        if not is_ours:
            raise InputError(f"{self._cache_path}: was made again while this job ran; run the same command again")
        return cache

"""Images as arrays: decoded and resized in the same way for training and inference.

All images are resized by OpenCV's area averaging: resizers differ by up to 23 grey levels, which changes predictions.
"""

import struct
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import UnidentifiedImageError

from latefusion.images.orientation import read_orientation, turn
from latefusion.images.several import count_images, further_images
from latefusion.utils.errors import InputError, StepError
from latefusion.utils.files import read_json

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # its messages name no file; ours do
JPEG = b"\xff\xd8"
PNG = b"\x89PNG\r\n\x1a\n"
NO_IMAGE_GREY = 255  # a product without an image is white
# Errors for damaged files of some formats; for other formats OpenCV returns None.
DAMAGE = (cv2.error, UnidentifiedImageError, RuntimeError, ValueError)
BAND = 1 << 20  # pixels blended with white at one time: the calculation needs 70 bytes per pixel


def read_image(path: Path) -> np.ndarray:
    """Return the image as (H, W, 3) uint8 RGB. Raises InputError, with the path, if it cannot be decoded."""
    try:
        image = decode(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if image is None:
        raise StepError(
            f"{path}: cannot be decoded, so it has changed since {{step}} checked it: restore the file, or run "
            "{step} again",
            "prepare",
        )
    return image


def decode(path: Path) -> np.ndarray | None:
    """Return a file's image, upright, as (H, W, 3) uint8 RGB; on white if transparent; the first frame if animated.

    None if OpenCV cannot decode it or there is no such file.
    """
    return decode_bytes(read_bytes(path))


def read_bytes(path: Path) -> np.ndarray:
    """Return a file's bytes; an empty array if there is no such file."""
    return np.fromfile(path, dtype=np.uint8) if path.is_file() else np.empty(0, dtype=np.uint8)


def is_jpeg(encoded: np.ndarray) -> bool:
    return encoded[: len(JPEG)].tobytes() == JPEG


def decode_bytes(encoded: np.ndarray) -> np.ndarray | None:
    """Return the image in a file's bytes, as `decode` does."""
    if not encoded.size:
        return None
    try:
        # JPEG, which nearly all images are, has no transparency.
        return cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB) if is_jpeg(encoded) else _decode_other(encoded)
    except DAMAGE:
        return None


def _decode_other(encoded: np.ndarray) -> np.ndarray | None:
    """Decode an image that may be transparent. OpenCV turns it upright only if it drops the transparency."""
    if encoded[: len(PNG)].tobytes() == PNG and not fits_its_chunks(encoded):
        return None
    image, kinds, blocks = cv2.imdecodeWithMetadata(encoded, cv2.IMREAD_UNCHANGED)
    if image is None:
        return None
    if image.ndim == 3 and image.shape[2] == 4:
        if image.dtype.kind != "u":
            return None  # for floats no value is defined as white
        return turn(_over_white(image), read_orientation(encoded, kinds, blocks))
    del image  # keep at most one copy of a large image in memory
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
    return image if image is None else turn(image, read_orientation(encoded))


def fits_its_chunks(png: np.ndarray) -> bool:
    """Return whether the chunks of a PNG end within the file; if not, OpenCV may allocate up to 4 GB for one."""
    start = len(PNG)
    while start + 8 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, start)
        if kind == b"IEND":
            return True
        start += length + 12  # length, kind and checksum
    return start <= len(png)


def _over_white(image: np.ndarray) -> np.ndarray:
    """Return an (H, W, 4) BGRA image of 8 or 16 bits as (H, W, 3) uint8 RGB on a white background."""
    full = np.iinfo(image.dtype).max
    result = np.empty((*image.shape[:2], 3), dtype=np.uint8)
    step = max(1, BAND // image.shape[1])
    for top in range(0, len(image), step):
        band = image[top : top + step]
        alpha = band[..., 3:] / full
        result[top : top + step] = np.round((band[..., 2::-1] / full * alpha + 1 - alpha) * 255)
    return result


def resize(image: np.ndarray, side: int) -> np.ndarray:
    """Return the image resized to a square, without keeping its aspect ratio, as published."""
    if image.shape[:2] == (side, side):
        return image
    shrinks = min(image.shape[:2]) >= side
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def load_image(root: Path, path: str | None) -> np.ndarray:
    """Return an image as `read_image` does; one white pixel for a product without an image (None or NaN)."""
    if path is None or pd.isna(path):
        return np.full((1, 1, 3), NO_IMAGE_GREY, dtype=np.uint8)
    return read_image(root / path)


class ImageStore:
    """The images of a catalogue by product id, read from files or from a cache of decoded images."""

    def __init__(self, products: pd.DataFrame, root: Path, cache: Path | None = None, stamp: dict | None = None):
        """Take products with `image`, a path relative to `root`, and perhaps `more_images` (see `several`).

        With a cache: its path and its stamp; it has all images of a product in adjoining rows.
        """
        self._paths, self._further = products["image"], further_images(products)
        counts = count_images(products)
        self._rows = dict(zip(products.index, (np.cumsum(counts) - counts).tolist(), strict=True))
        self._root = root
        self._cache_path, self._stamp = cache, stamp or {}
        self._cache: np.ndarray | None = None

    def __getstate__(self) -> dict:
        """Pickle without the open cache: each loader process opens it itself, so the images are not sent to it."""
        return self.__dict__ | {"_cache": None}

    def read(self, id_: str, side: int, number: int = 0) -> np.ndarray:
        """Return (side, side, 3) uint8 RGB; white if the product has no image. `number`: which of its images."""
        return resize(self.load(id_, number), side)

    def load(self, id_: str, number: int = 0) -> np.ndarray:
        """Return (H, W, 3) uint8 RGB in the stored size; one white pixel if the product has no image."""
        if self._cache_path is not None:
            if self._cache is None:
                self._cache = _open_cache(self._cache_path, self._stamp)
            return self._cache[self._rows[id_] + number]
        return load_image(self._root, self._paths[id_] if number == 0 else self._further[id_][number - 1])


def _open_cache(path: Path, stamp: dict) -> np.ndarray:
    """Return the cache, after checking its stamp: another job may have built it again for other products."""
    try:
        cache = np.load(path, mmap_mode="r")
        is_ours = read_json(path.with_suffix(".json")).items() >= stamp.items()
    except (OSError, ValueError):
        is_ours = False
    if not is_ours:
        raise InputError(f"{path}: was built again while this job ran; run the same command again")
    return cache

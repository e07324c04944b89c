"""Read the header of an image file, before decoding: its format and its size, which may be too large to decode."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")  # OpenCV reads these too
MAX_PIXELS = 100_000_000
MAX_SIDE = 1_000_000  # libpng's limit; OpenCV's own is 2^20


@contextmanager
def own_size_limits() -> Iterator[None]:
    """Switch off Pillow's size limit, which raises before a size can be reported, and its warnings about unusual files.

    Use it around a block of work in threads, not for each file: both settings apply to the whole process. Whether an
    unusual file is usable is found out by decoding it.
    """
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def open_header(file: BinaryIO | Path) -> Image.Image:
    """Open an image with Pillow, without decoding it. Raises UnidentifiedImageError if it is not an image."""
    return Image.open(file, formats=FORMATS)


def count_pixels(path: Path) -> int:
    """Return an image's width times height, 0 if Pillow cannot read the header."""
    try:
        with open_header(path) as image:
            return image.width * image.height
    except (OSError, ValueError, RuntimeError):
        return 0

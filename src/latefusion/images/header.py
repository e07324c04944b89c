"""What a file says about its image before it is decoded: the format, and a size that may be too large to decode."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")  # what OpenCV reads too
MAX_PIXELS = 100_000_000
MAX_SIDE = 1_000_000  # libpng's limit; OpenCV's own is 2^20


@contextmanager
def own_size_limits() -> Iterator[None]:
    """Switch off Pillow's limit, which warns and raises before a size can be reported, and its remarks on odd files.

    For a block of work in threads, not for each file: both settings are the whole process's. What an odd file is worth
    is decided by decoding it.
    """
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def open_header(file: BinaryIO | Path) -> Image.Image:
    """Open an image with Pillow, not yet decoded. Raises UnidentifiedImageError for what is none."""
    return Image.open(file, formats=FORMATS)


def count_pixels(path: Path) -> int:
    """Return an image's width times height, 0 where Pillow cannot tell."""
    try:
        with open_header(path) as image:
            return image.width * image.height
    except (OSError, ValueError, RuntimeError):
        return 0

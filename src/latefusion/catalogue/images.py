"""Find the images that no network can read, before hours of training find them.

One pass over the files reads headers and last bytes: a JPEG or PNG that ends as it should is not decoded, which keeps
the challenge's 85,000 images to a minute or two. Anything else is decoded to decide.
"""

import logging
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pandas as pd
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from latefusion.errors import list_problems
from latefusion.images import decode

logger = logging.getLogger(__name__)

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")  # what OpenCV reads too
MAX_PIXELS = 100_000_000
TAIL_BYTES = 64  # some cameras and shops pad the end
ENDINGS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
DAMAGE = (SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error, zlib.error)  # what decoders raise
THREADS = 16  # the disk's latency is what they hide


def check_images(root: Path, images: pd.Series) -> pd.DataFrame:
    """Return the products whose image cannot be used: index `id`, columns `image` and `reason`.

    `images` maps id to a path relative to `root`; missing paths are products without an image, and are fine.
    """
    images = images.dropna()
    paths = images.unique()
    with _own_size_limit(), ThreadPoolExecutor(THREADS) as pool:
        reasons = pool.map(partial(_find_fault, root), paths)
        progress = tqdm(reasons, "checking images", total=len(paths), unit="image", disable=None)
        faults = {path: reason for path, reason in zip(paths, progress, strict=True) if reason}
    bad = images[images.isin(list(faults))]
    return pd.DataFrame({"image": bad, "reason": bad.map(faults)}, dtype="str").rename_axis("id")


def apply_image_policy(products: pd.DataFrame, bad: pd.DataFrame, bad_images: str) -> pd.DataFrame:
    """Refuse (`error`), blank (`keep`) or remove (`drop`) the products of `bad`, as `check_images` returned them.

    Products to be predicted are never removed, since a submission needs every row: they stay without image.
    """
    if bad.empty:
        return products
    kinds = bad["reason"].str.split(":").str[0].value_counts()
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    if bad_images == "error":
        rows = bad.join(products["place"]).itertuples()
        problems = [f"{row.place}: id {row.Index}: {row.image}: {row.reason}" for row in rows]
        advice = (
            f"Readable are {', '.join(FORMATS)}. Repair the files, or set catalogue.bad_images to keep (use these"
            " products without their image) or drop (leave them out)."
        )
        raise list_problems(f"{len(bad)} products have an image that cannot be used ({counts}):", problems, advice, 200)
    products = products.copy()
    products.loc[bad.index, "image"] = None
    dropped = bad.index[products.loc[bad.index, "split"] != "submit"] if bad_images == "drop" else bad.index[:0]
    kept = len(bad) - len(dropped)
    logger.warning("bad images (%s): %d products dropped, %d kept without image", counts, len(dropped), kept)
    return products.drop(dropped)


@contextmanager
def _own_size_limit() -> Iterator[None]:
    """Switch off Pillow's limit, which warns and raises before the size can be reported; MAX_PIXELS takes its place."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _find_fault(root: Path, path: str) -> str | None:
    """Say what is wrong with an image file, None if nothing is."""
    try:
        return _inspect(root / path)
    except FileNotFoundError:
        return "missing"
    except UnidentifiedImageError:
        return "not an image"
    except OSError as error:
        if error.strerror is None:  # a decoder's complaint, not the disk's
            return "truncated" if "truncated" in str(error) else f"unreadable: {error}"
        return f"unreadable: {error.strerror}"
    except DAMAGE as error:
        return f"unreadable: {error}"


def _inspect(path: Path) -> str | None:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size == 0:
            return "empty file"
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read()
        with Image.open(file, formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                return f"too large: {width} x {height}"
            if image.format not in ENDINGS or ENDINGS[image.format] not in tail:
                image.load()  # Pillow says what is wrong; but it is OpenCV that will read it
                if decode(path) is None:
                    return f"unreadable: a {image.format} of a kind OpenCV does not decode ({image.mode})"
    return None

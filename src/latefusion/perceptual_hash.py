"""A 64-bit number for how a picture looks, nearly the same after it was saved again at another size or quality.

The DCT hash of pHash (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010; `phash` in
ImageHash): 32 x 32 grey levels, the 8 x 8 lowest frequencies, each compared with their median.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from latefusion.images import JPEG, decode_bytes, read_bytes, resize

SIDE = 32  # pixels of the thumbnail
LOW = 8  # lowest frequencies per axis
ENOUGH = 6 * SIDE  # pixels; with fewer, where the decoder puts its borders begins to change the hash
FLAT = 1.0  # grey levels; a thumbnail that deviates less is one colour, and its hash the decoder's noise


def hash_pictures(images: pd.Series, root: Path) -> pd.Series:
    """Return the hash of each product's picture (UInt64, index as `images`).

    `images` holds paths relative to `root`. Missing where there is no picture, or none that can be decoded, or nothing
    in it: a picture of one colour looks like every other.
    """
    paths = images.dropna().unique()
    with ThreadPoolExecutor() as pool:  # OpenCV lets go of the interpreter's lock
        hashes = pool.map(partial(_hash_file, root), paths)
        bar = tqdm(hashes, "hashing images", total=len(paths), unit="image", disable=None)
        by_path = dict(zip(paths, bar, strict=True))
    found = [None if pd.isna(path) else by_path[path] for path in images]
    return pd.Series(pd.array(found, dtype="UInt64"), index=images.index)


def picture_hash(grey: np.ndarray) -> int | None:
    """Return the hash of an (H, W) picture, None for one of a single colour."""
    thumbnail = resize(grey.astype(np.float32), SIDE)
    if thumbnail.std() < FLAT:
        return None
    low = cv2.dct(thumbnail)[:LOW, :LOW]
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes())


def _hash_file(root: Path, path: str) -> int | None:
    grey = _read_grey(root / path)
    return None if grey is None else picture_hash(grey)


def _read_grey(path: Path) -> np.ndarray | None:
    """Return a file's picture as (H, W) uint8, upright, at half its size where that is faster; None if unreadable."""
    encoded = read_bytes(path)
    if encoded[: len(JPEG)].tobytes() == JPEG:
        half = cv2.imdecode(encoded, cv2.IMREAD_REDUCED_GRAYSCALE_2)
        if half is not None and min(half.shape) >= ENOUGH:
            return half
    image = decode_bytes(encoded)
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)

"""Small images of products, as data URLs: they are part of the report, which needs no other file."""

import base64
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from latefusion.images.header import count_pixels, own_size_limits
from latefusion.images.store import DAMAGE, decode_bytes, is_jpeg, read_bytes

SIDE = 144  # pixels, of the longer side
QUALITY = 72
MOST = 1200  # images in one report, so that many products cost neither minutes nor a file that a phone cannot open
MOST_BYTES = 14_000_000  # of all images together
REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}


def draw_thumbnails(root: Path, images: pd.Series, ids: Iterable[str]) -> dict[str, str]:
    """Return small images as data URLs by product id, of the first products of `ids` that have one.

    `images`: paths relative to `root`, index: id; missing for none. A product whose image is missing or broken has
    none.
    """
    wanted = list(islice((id_ for id_ in dict.fromkeys(ids) if pd.notna(images[id_])), MOST))
    found: dict[str, str] = {}
    size = 0
    with own_size_limits(), ThreadPoolExecutor() as pool:
        urls = pool.map(lambda id_: _data_url(root / images[id_]), wanted)
        for id_, url in zip(wanted, urls, strict=True):
            size += len(url or "")
            if url is not None and size <= MOST_BYTES:
                found[id_] = url
    return found


def _data_url(path: Path) -> str | None:
    try:
        image = _decode(path)
        if image is None:
            return None
        scale = SIDE / max(image.shape[:2])
        if scale < 1:
            size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        _, encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    except (OSError, *DAMAGE):
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(encoded).decode()}"


def _decode(path: Path) -> np.ndarray | None:
    """Return an image as (H, W, 3) uint8 RGB, a large JPEG reduced while it is decoded; None if it cannot be read."""
    encoded = read_bytes(path)
    if not is_jpeg(encoded):
        return decode_bytes(encoded)
    larger = count_pixels(path) ** 0.5 / SIDE
    flag = next((flag for factor, flag in REDUCED.items() if larger >= 1.5 * factor), None)
    if flag is None:
        return decode_bytes(encoded)
    image = cv2.imdecode(encoded, flag)
    return None if image is None else image[..., ::-1]

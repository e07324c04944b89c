"""A folder of small images and its cache of decoded ones."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from latefusion.images.cache import open_images

N_IMAGES, SIDE = 40, 24
CACHE_FILES = ["images_24.json", "images_24.npy"]


def write_images(folder: Path) -> Path:
    """Write forty images, and a table of products that names them and has one product without an image."""
    for number in range(N_IMAGES):
        noise = np.random.default_rng(number).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    images = [f"{number}.png" for number in range(N_IMAGES)] + [None]
    pd.DataFrame({"image": pd.Series(images, dtype="str")}).to_parquet(folder / "products.parquet")
    return folder


def read_pixels(folder: Path, side: int | None) -> np.ndarray:
    """Return the pixels of all products, from a cache of `side` pixels or, where it is None, from the files."""
    products = pd.read_parquet(folder / "products.parquet")
    store = open_images(products, folder, folder / "cache", side)
    return np.stack([store.read(id_, SIDE) for id_ in products.index])


def cache_files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "cache").iterdir())

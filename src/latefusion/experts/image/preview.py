"""Draw an image expert's training images: one row per product, for a few products.

Writes `weights/<experiment>/previews/<expert>.png`.
"""

from pathlib import Path

import cv2
import numpy as np

from latefusion.experts.context import Context
from latefusion.experts.image.data import training_products
from latefusion.experts.kinds import EXPERTS
from latefusion.utils.files import atomic_write

PRODUCTS = 8
GAP = 4  # pixels


def write_preview(context: Context, name: str) -> Path | None:
    """Draw a few training products, one per row, and return the path; None if the expert's kind has no preview."""
    expert = context.experiment.experts[name]
    preview = EXPERTS[expert.kind].function("preview")
    if preview is None:
        return None
    products = training_products(context, context.dataset.select("train"), "all")
    products = products.iloc[np.linspace(0, len(products) - 1, min(PRODUCTS, len(products))).astype(int)]
    rows = preview(context, expert, products)
    path = context.experiment.run_root / "previews" / f"{name}.png"
    with atomic_write(path) as partial:
        partial.write_bytes(cv2.imencode(".png", _mosaic(rows)[..., ::-1])[1].tobytes())
    return path


def _mosaic(rows: list[list[np.ndarray]]) -> np.ndarray:
    """Return one image of rows of images of the same size, with white gaps."""
    padded = [[np.pad(image, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for image in row] for row in rows]
    return np.concatenate([np.concatenate(row, axis=1) for row in padded])

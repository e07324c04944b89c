"""What an image expert sees, drawn: products whole, augmented twice, for DCL destroyed and put together again."""

from pathlib import Path

import cv2
import numpy as np

from latefusion.config import DclExpert
from latefusion.experts.context import Context
from latefusion.experts.image import cnn, dcl
from latefusion.experts.image.destruction import put_together
from latefusion.experts.training_products import training_products
from latefusion.utils.files import whole

PRODUCTS = 8
GAP = 4  # pixels


def write_preview(context: Context, name: str) -> Path:
    """Draw a row for each of a few training products and return the file."""
    expert = context.experiment.experts[name]
    products = training_products(context, context.dataset.part("train"), "all")
    products = products.iloc[np.linspace(0, len(products) - 1, min(PRODUCTS, len(products))).astype(int)]
    see = dcl.train_images if isinstance(expert, DclExpert) else cnn.train_images
    dataset = see(context, expert, products)
    rows = []
    for index, id_ in enumerate(products.index):
        first, second = dataset[(index, 0)], dataset[(index, 1)]
        row = [context.images.read(id_, expert.image.crop), first["images"], second["images"]]
        if isinstance(expert, DclExpert):
            # By the tracked permutation this is the second picture again; by guessed locations it shows the guess.
            row += [second["destroyed"], put_together(second["destroyed"], second["permutation"])]
        rows.append(row)
    path = context.run_dir("previews") / f"{name}.png"
    with whole(path) as partial:
        partial.write_bytes(cv2.imencode(".png", _mosaic(rows)[..., ::-1])[1].tobytes())
    return path


def _mosaic(rows: list[list[np.ndarray]]) -> np.ndarray:
    """Lay pictures of one size out in rows, with white between."""
    padded = [[np.pad(image, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for image in row] for row in rows]
    return np.concatenate([np.concatenate(row, axis=1) for row in padded])

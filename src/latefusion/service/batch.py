"""Predict the products of a micro-batch with an exported model."""

import io
import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pandas as pd
from pydantic import BaseModel

from latefusion.images.faults import DAMAGE
from latefusion.images.header import open_header, own_size_limits
from latefusion.predictor import Predictor
from latefusion.predictor.acceptance import accepted
from latefusion.service.reading import Item
from latefusion.service.schema import prediction_type
from latefusion.tables.predictions import RANKS


class RequestPredictor:
    """Predicts products as `Predictor.predict` does. For one thread."""

    def __init__(self, predictor: Predictor, threshold: float, max_pixels: int, image_share: float | None = None):
        """Accept confidences of `threshold` or more; leave out images of more than `max_pixels`."""
        self.predictor, self.threshold, self.max_pixels = predictor, threshold, max_pixels
        self.image_share = image_share
        self.type = prediction_type(several=predictor.several, asks=predictor.asks)

    def try_out(self) -> None:
        """Load the experts and predict a product."""
        # It would write a line for each damaged image that a client sends; the answer says so.
        logging.getLogger("latefusion.predictor.products").setLevel(logging.ERROR)
        _, encoded = cv2.imencode(".png", np.full((32, 32, 3), 128, np.uint8))
        self.predict([Item(title="trial", description="", image=encoded.tobytes())])

    def predict(self, items: list[Item]) -> list[BaseModel]:
        """Return the predictions, in the order of the products."""
        with TemporaryDirectory(prefix="latefusion-") as folder:
            images, problems = self._write_images(items, Path(folder))
            table = pd.DataFrame(
                {
                    "title": [item.title for item in items],
                    "description": [item.description for item in items],
                    "image": images,
                },
                dtype="str",
            )
            predicted = self.predictor.predict(table, folder, self.image_share)
        sure = accepted(predicted, self.threshold)
        rows = predicted.to_dict("records")
        return [
            self._prediction(item, row, bool(is_sure), problem or row["problem"])
            for item, row, is_sure, problem in zip(items, rows, sure, problems, strict=True)
        ]

    def _write_images(self, items: list[Item], folder: Path) -> tuple[list[str], list[str]]:
        """Write the images to files, which experts read; return their names and the problems, "" where there is none.

        The names are ours. As files, few images are decoded at one time, not those of all products.
        """
        images, problems = [""] * len(items), [""] * len(items)
        with own_size_limits():
            for number, item in enumerate(items):
                if item.image is None:
                    continue
                width, height = _size(item.image)
                if width * height > self.max_pixels:
                    problems[number] = f"too large: {width} x {height}; at most {self.max_pixels} pixels are read"
                    continue
                images[number] = str(number)
                (folder / images[number]).write_bytes(item.image)
        return images, problems

    def _prediction(self, item: Item, row: dict, is_sure: bool, problem: str) -> BaseModel:
        labels = _several_labels(row) if self.predictor.several else _one_label(row)
        return self.type(
            **labels,
            id=item.id,
            confidence=row["confidence"],
            accepted=is_sure,
            experts={name: row[f"{name}_label"] or None for name in self.predictor.experts},
            agree=row["agree"],
            problem=problem or None,
            unusual=row["unusual"] or None,
            **{name: row[name] for name in ("asked",) if name in row},
        )


def _one_label(row: dict) -> dict:
    """Return the fields of the labels of a prediction, of a model for one label."""
    ranks = [rank for rank in range(2, RANKS + 1) if f"label_{rank}" in row]
    following = [{"label": row[f"label_{rank}"], "confidence": row[f"confidence_{rank}"]} for rank in ranks]
    return {"label": row["label"], "next": following}


def _several_labels(row: dict) -> dict:
    """Return the fields of the labels of a prediction, of a model for several."""
    return {
        name: [{"label": label, "confidence": own} for label, own in zip(row[labels], row[confidences], strict=True)]
        for name, labels, confidences in (
            ("labels", "label", "confidences"),
            ("next", "next_labels", "next_confidences"),
        )
    }


def _size(content: bytes) -> tuple[int, int]:
    """Return width and height as the header of an image says, zeros if it cannot be read: the image is damaged."""
    try:
        with open_header(io.BytesIO(content)) as image:
            return image.size
    except (OSError, *DAMAGE):
        return 0, 0

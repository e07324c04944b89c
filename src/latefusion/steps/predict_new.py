"""Predict the products of a table with an exported model, and divide them into accepted ones and ones to review."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.catalogue import NewProducts
from latefusion.catalogue.reading import no_table
from latefusion.config import load_new_table
from latefusion.images.fetched import find_fetched, is_url, refuse_unfetched
from latefusion.images.files import is_file
from latefusion.images.several import list_images
from latefusion.predictor import Predictor
from latefusion.predictor.acceptance import accepted, threshold_for
from latefusion.predictor.drift import Drift
from latefusion.predictor.outputs import SUFFIXES, merge_sorted, write_sorted, write_table
from latefusion.predictor.shards import empty_table, predict_in_shards, read_shards, remove_shards, shards_of
from latefusion.utils.errors import InputError
from latefusion.utils.files import write_text
from latefusion.utils.locks import locked

logger = logging.getLogger(__name__)


def predict_new(
    model: Path, products: Path, images: Path | None, out: Path, *,
    settings: Sequence[str], target_precision: float | None, min_confidence: float | None, spreadsheet_safe: bool,
    shard_size: int, image_share: float | None = None,
) -> Iterator[str]:  # fmt: skip
    """Write the predictions and, with a threshold, those of unusual products and those below it to `<out>-review`.

    How the products differ from the labelled ones is logged and written to `<out>-notes.md`. Yields what was written.
    `settings`: `catalogue.<key>=<value>`, how the table is written; `image_share` as of `Predictor.predict`.
    Raises InputError for a model, table or folder that cannot be used, before anything is predicted.
    """
    review = out.with_name(f"{out.stem}-review{out.suffix}")
    _check_arguments(products, images, out, review, shard_size)
    predictor = Predictor.load(model)
    threshold = threshold_for(model, target_precision, min_confidence)
    predictor.check_share(image_share)
    if threshold == 0 and review.exists():
        raise InputError(f"{review} is of an earlier run with a threshold: remove it, or choose another --out")
    catalogue = predictor.experiment.catalogue
    table = NewProducts(
        load_new_table(products, catalogue.columns, settings, image_separator=catalogue.image_separator),
        "keep the first row of each with the option --set catalogue.repeated_ids=drop",
    )
    if images is not None and not predictor.reads_images:
        method = predictor.manifest.method.name
        logger.info("the method %s reads no images: those in %s are not looked at", method, images)
        images = None
    n_products = _check_products(table, images, every_image=catalogue.images_per_product == "mean")
    with locked(out):
        drift, asked = Drift.load(model), Asked()

        def seen(rows: pd.DataFrame, predicted: pd.DataFrame) -> None:
            drift.add(rows, predicted)
            asked.add(rows, predicted)

        shards = predict_in_shards(
            predictor, table, n_products, images, out, shard_size, image_share=image_share, seen=seen
        )
        if predictor.asks:
            logger.info("%s", asked.sentence(images_too=predictor.looks_on_demand))
        sorted_reviews: list[Path] = []

        def accepted_rows() -> Iterator:
            for number, shard in enumerate(read_shards(shards)):
                sure = accepted(shard, threshold)
                if not sure.all():
                    sorted_reviews.append(shards_of(out) / f"review-{number:05d}.parquet")
                    write_sorted(sorted_reviews[-1], shard[~sure], "confidence")
                yield shard[sure]

        write = partial(write_table, separator=predictor.manifest.separator or "", spreadsheet_safe=spreadsheet_safe)
        n_accepted = write(out, accepted_rows())
        yield f"{out}: {n_accepted} of {n_products} products{' accepted' if threshold > 0 else ''}"
        if threshold > 0:
            doubtful = merge_sorted(sorted_reviews, "confidence") if sorted_reviews else [empty_table(shards)]
            n_review = write(review, doubtful)
            yield f"{review}: {n_review} unusual products or below the confidence {threshold:.4f}, least sure first"
        yield _write_notes(out, drift)
        remove_shards(out)


@dataclass
class Asked:
    """How many of the products were asked for, by a method on demand."""

    n: int = 0
    n_asked: int = 0
    n_images: int = 0  # of them, those that name an image

    def add(self, products: pd.DataFrame, predicted: pd.DataFrame) -> None:
        """Add products and their predictions."""
        asked = predicted["asked"].to_numpy() if "asked" in predicted else np.zeros(len(predicted), dtype=bool)
        self.n += len(products)
        self.n_asked += int(asked.sum())
        self.n_images += int((asked & products["image"].notna().to_numpy()).sum())

    def sentence(self, *, images_too: bool) -> str:
        """Return what was asked for, in words; `images_too`: no other images were looked at."""
        share = f"{100 * self.n_asked / max(self.n, 1):.1f} %"
        asked = f"the dear experts were asked for {self.n_asked} of {self.n} products ({share})"
        return f"{asked}; the images of {self.n_images} were looked at" if images_too else asked


def refuse_to_overwrite(out: Path, products: Path) -> None:
    """Raise InputError if the predictions are there already, unless a killed run has left shards, and is to go on."""
    if out.exists() and not shards_of(out).exists() and not (products.exists() and out.samefile(products)):
        raise InputError(f"--out {out} exists already: choose another name, or replace it with --overwrite")


def _write_notes(out: Path, drift: Drift) -> str:
    """Write how the products differ from the labelled ones, log it, and return a line about it."""
    notes = out.with_name(f"{out.stem}-notes.md")
    write_text(notes, drift.notes())
    for line in drift.sentences():
        logger.warning("%s", line)
    return f"{notes}: {drift.n_unusual} products are unlike the labelled ones; how they differ as a whole"


def _check_arguments(products: Path, images: Path | None, out: Path, review: Path, shard_size: int) -> None:
    if out.suffix.lower() not in SUFFIXES:
        raise InputError(f"--out {out}: the name must end in .csv, .tsv, .jsonl or .parquet")
    if shard_size < 1:
        raise InputError(f"--shard-size {shard_size}: give 1 or more")
    if images is not None and not images.is_dir():
        raise InputError(f"--images {images}: there is no such folder")
    if not products.is_file():
        raise InputError(f"--products {no_table(products)}")
    for path in (out, review):
        if path.exists() and path.samefile(products):
            raise InputError(f"--out {out}: {path} is the table of products: choose another name")


def _check_products(table: NewProducts, images: Path | None, *, every_image: bool) -> int:
    """Read the table once; return the number of its products.

    Raises InputError for products that cannot be read. If they name images and the folder has none of them, it is
    another folder.
    """
    n_named = 0
    example, found = "", images is None
    for products in table.check():
        named = list_images(products["image"])
        n_named += len(named)
        example = example or next(iter(named), "")
        if images is not None and len(named):
            paths = find_fetched(images, named)
            refuse_unfetched(images, paths, f"--products {table.path} --images {images}", every=every_image)
            found = found or is_url(paths).any() or any(is_file(images / path) for path in paths)
    if n_named and not found:
        raise InputError(
            f"--images {images}: it has none of the {n_named} images that {table.path} names, such as {example}"
        )
    return table.n_products

"""The layouts of catalogues: a table with a row for each value of `catalogue.format`.

To add a layout: add its name to `CatalogueConfig.format` (`latefusion.config.catalogue`), write a module with a
function that reads it, and add a row to `LAYOUTS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from latefusion.catalogue import ens, sigir
from latefusion.catalogue.rows import Rows
from latefusion.catalogue.table import read_table
from latefusion.config import CatalogueConfig
from latefusion.images.fetched import find_fetched
from latefusion.images.files import find_nested_images


@dataclass(frozen=True)
class Layout:
    """How catalogues of one format are read, and their properties."""

    # Return the columns id, title, description, image, label and split as text ("" is missing), indexed by location;
    # or `Rows`, with what else is known.
    read: Callable[[CatalogueConfig], pd.DataFrame | Rows]
    tables: Callable[[CatalogueConfig], tuple[str | None, ...]]  # return the names of its tables; they may not exist
    without_images: str  # advice for error messages: how to run without images
    has_nested_images: bool = False  # its archives may be unpacked into a subfolder of the image folder
    always_names_images: bool = False  # its tables name an image for every product, even if the file does not exist
    challenge: str | None = None  # the format of its submissions (`submission.formats`); None: predictions.tsv


REMOVE_IMAGE_EXPERTS = "To run without images, remove the experts that read them."
LAYOUTS = {
    "table": Layout(
        read=read_table,
        tables=lambda catalogue: (catalogue.products, catalogue.test_products),
        without_images="To run without images, set catalogue.columns.image to null.",
    ),
    "sigir": Layout(
        read=sigir.read_sigir,
        tables=lambda catalogue: ("X_train.tsv", sigir.LABEL_FILE, *sigir.TEST_FILES),
        without_images=REMOVE_IMAGE_EXPERTS,
        has_nested_images=True,
        always_names_images=True,
        challenge="sigir",
    ),
    "ens": Layout(
        read=ens.read_ens,
        tables=lambda catalogue: ("X_train_update.csv", ens.LABEL_FILE, ens.TEST_FILE),
        without_images=REMOVE_IMAGE_EXPERTS,
        has_nested_images=True,
        always_names_images=True,
        challenge="ens",
    ),
}


def find_images(catalogue: CatalogueConfig, images: pd.Series) -> pd.Series:
    """Return the paths of images: files that are one folder deeper, in layouts with nested images, and fetched ones."""
    images = find_fetched(catalogue.root, images)
    return find_nested_images(catalogue.root, images) if LAYOUTS[catalogue.format].has_nested_images else images

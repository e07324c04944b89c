"""The layouts of catalogues: a row for each `catalogue.format`, with what is peculiar to it.

To add a layout: its name in `CatalogueConfig.format` (`latefusion.config.catalogue`), a module whose function reads it,
and a row here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from latefusion.catalogue import ens, sigir
from latefusion.catalogue.table import read_table
from latefusion.config import CatalogueConfig
from latefusion.images.files import find_nested_images


@dataclass(frozen=True)
class Layout:
    """How catalogues of one format are read, and what they are known to hold."""

    read: Callable[[CatalogueConfig], pd.DataFrame]  # -> rows as `canonical` takes them, indexed by file and line
    tables: Callable[[CatalogueConfig], tuple[str | None, ...]]  # -> names of its tables, whether they exist or not
    without_images: str  # advice to those who have no images
    has_nested_images: bool = False  # its archives may be unpacked into a folder of their own
    always_names_images: bool = False  # its tables name an image for every product, whether there is one or not
    challenge: str | None = None  # whose form its submissions have (`submission.forms`); None: predictions.tsv


LEAVE_OUT = "To do without images leave out the experts that read them."
LAYOUTS = {
    "table": Layout(
        read=read_table,
        tables=lambda catalogue: (catalogue.products, catalogue.test_products),
        without_images="To do without images set catalogue.columns.image to null.",
    ),
    "sigir": Layout(
        read=sigir.read_sigir,
        tables=lambda catalogue: ("X_train.tsv", sigir.LABEL_FILE, *sigir.TEST_FILES),
        without_images=LEAVE_OUT,
        has_nested_images=True,
        always_names_images=True,
        challenge="sigir",
    ),
    "ens": Layout(
        read=ens.read_ens,
        tables=lambda catalogue: ("X_train_update.csv", ens.LABEL_FILE, ens.TEST_FILE),
        without_images=LEAVE_OUT,
        has_nested_images=True,
        always_names_images=True,
        challenge="ens",
    ),
}


def find_images(catalogue: CatalogueConfig, images: pd.Series) -> pd.Series:
    """Return the paths of images, corrected where the layout's images may lie one folder deeper than named."""
    return find_nested_images(catalogue.root, images) if LAYOUTS[catalogue.format].has_nested_images else images

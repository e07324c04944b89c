"""Read a table of new products, which an exported model is to predict; it needs no labels."""

import logging
from pathlib import Path

import pandas as pd

from latefusion.catalogue.canonical import read_canonical
from latefusion.catalogue.rows import Rows
from latefusion.catalogue.table import read_fields
from latefusion.config import CatalogueConfig, Columns

logger = logging.getLogger(__name__)
FIELDS = ["id", "title", "description", "image"]
OPTIONAL = ("description", "image")


def read_new_products(path: Path, columns: Columns) -> pd.DataFrame:
    """Return the products of a CSV, TSV, Excel, JSON lines or Parquet file: `title`, `description`, `image`; index: id.

    `columns` are those of the catalogue that the model was trained on; columns of usual names are found too. A table
    without descriptions or images, and products without a title, are read, and the log says so. Raises InputError for
    a table that cannot be read, and for repeated ids.
    """
    catalogue = CatalogueConfig(
        format="table", root=path.parent, products=path.name, columns=columns, missing_titles="keep"
    )
    table = read_fields(catalogue, path.name, FIELDS, optional=OPTIONAL)
    for field in OPTIONAL:
        if field not in table.columns:
            logger.warning("%s: it has no column for the %s: all products are predicted without", path.name, field)
    rows = Rows(table.rows.assign(label="", split="submit"))
    products = read_canonical(rows, catalogue).products
    return products[["title", "description", "image"]]

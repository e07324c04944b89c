"""The layout `table`, for a shop's own catalogue: a CSV, TSV or Parquet table with columns that the config names."""

import logging

import pandas as pd

from latefusion.catalogue.checks import check_ids, is_blank, refuse
from latefusion.catalogue.reading import find_file, read_rows, text_format
from latefusion.config import CatalogueConfig
from latefusion.utils.errors import InputError

logger = logging.getLogger(__name__)

SPLITS = ["train", "valid", "test"]


def read_table(catalogue: CatalogueConfig) -> pd.DataFrame:
    """Return the products, then those of `test_products`, indexed by location.

    Products without a label are to be predicted. With a split column, only test products may have no label.
    """
    products = _read(catalogue, catalogue.products, ["id", "title", "description", "image", "label", "split"])
    unlabelled = is_blank(products["label"])
    if unlabelled.all():
        problem = f"no row has a label in the column '{catalogue.columns.label}': correct catalogue.columns.label"
        raise InputError(f"{catalogue.root / catalogue.products}: {problem}")
    if catalogue.columns.split is not None:
        _check_split(products, unlabelled)
    products["split"] = products["split"].mask(unlabelled, "submit")
    if unlabelled.any():
        logger.info("%d of %d products have no label: they will be predicted", unlabelled.sum(), len(products))
    if catalogue.test_products is None:
        return products
    test = _read(catalogue, catalogue.test_products, ["id", "title", "description", "image"])
    test["split"] = "submit"
    return pd.concat([products, test])


def _read(catalogue: CatalogueConfig, name: str, fields: list[str]) -> pd.DataFrame:
    """Return `fields` from the columns that the config names; fields without a column are empty."""
    named = {field: column for field in fields if (column := getattr(catalogue.columns, field)) is not None}
    path = find_file(catalogue.root, name)
    rows = read_rows(path, list(dict.fromkeys(named.values())), **text_format(catalogue))
    products = pd.DataFrame({field: rows[column] for field, column in named.items()})
    unnamed = [field for field in ("description", "image", "label", "split") if field not in named]
    products = products.assign(**dict.fromkeys(unnamed, ""))
    check_ids(products)
    return products


def _check_split(products: pd.DataFrame, unlabelled: pd.Series) -> None:
    """Raise InputError for unknown values in the split column, and for train or valid products without a label."""
    split = products["split"]
    unknown = products[~split.isin(SPLITS)]
    refuse(
        "id " + unknown["id"] + " has '" + unknown["split"] + "'",
        "Unknown splits:",
        f"Write one of {', '.join(SPLITS)}.",
    )
    missing = products["id"][unlabelled & (split != "test")]
    refuse("id " + missing, "Train or valid products without a label:", "Give each a label, or set its split to test.")

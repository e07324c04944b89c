"""The layout `table`, for a shop's own catalogue: a table with columns that the config names."""

import logging
from pathlib import Path

import pandas as pd

from latefusion.catalogue.checks import check_ids, is_blank, is_missing, refuse
from latefusion.catalogue.reading import find_file, read_rows, text_format
from latefusion.catalogue.usual_names import find_columns
from latefusion.config import CatalogueConfig
from latefusion.utils.errors import InputError

logger = logging.getLogger(__name__)

SPLITS = ["train", "valid", "test"]


def read_table(catalogue: CatalogueConfig) -> pd.DataFrame:
    """Return the products, then those of `test_products`, indexed by location.

    Products without a label are to be predicted. With a split column, only test products may have no label.
    """
    products, named = _read(catalogue, catalogue.products, ["id", "title", "description", "image", "label", "split"])
    unlabelled = is_blank(products["label"])
    if unlabelled.all():
        problem = f"no row has a label in the column '{named['label'][0]}': correct catalogue.columns.label"
        raise InputError(f"{catalogue.root / catalogue.products}: {problem}")
    if "split" in named:
        _check_split(products, unlabelled)
    products["split"] = products["split"].mask(unlabelled, "submit")
    if unlabelled.any():
        logger.info("%d of %d products have no label: they will be predicted", unlabelled.sum(), len(products))
    if catalogue.test_products is None:
        return products
    test, _ = _read(catalogue, catalogue.test_products, ["id", "title", "description", "image"])
    test["split"] = "submit"
    return pd.concat([products, test])


def _read(catalogue: CatalogueConfig, name: str, fields: list[str]) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Return `fields`, empty where there is no column, and the names of the columns that they are read from."""
    named: dict[str, list[str]] = {}

    def choose(path: Path, found: list[str]) -> list[str]:
        named.update(find_columns(path, found, catalogue.columns, fields))
        return list(dict.fromkeys(column for columns in named.values() for column in columns))

    rows = read_rows(find_file(catalogue.root, name), choose, **text_format(catalogue))
    products = pd.DataFrame({field: _join(rows[columns]) for field, columns in named.items()})
    unnamed = [field for field in ("description", "image", "label", "split") if field not in named]
    products = products.assign(**dict.fromkeys(unnamed, ""))
    check_ids(products)
    return products, named


def _join(columns: pd.DataFrame) -> pd.Series:
    """Return the first column, with a line `name: value` for each further one that has a value."""
    joined = columns.iloc[:, 0]
    if columns.shape[1] == 1:
        return joined
    lines = [joined.mask(is_missing(joined), "")]
    lines += [(f"{name}: " + columns[name]).mask(is_missing(columns[name]), "") for name in columns.columns[1:]]
    rows = zip(*lines, strict=True)
    return pd.Series(["\n".join(filter(None, row)) for row in rows], index=columns.index, dtype="str")


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

"""A shop's own catalogue: one CSV, TSV or Parquet table with a row per product, in columns the user names."""

import posixpath

import pandas as pd

from latefusion.catalogue.checks import check_ids, is_blank, refuse
from latefusion.catalogue.reading import find_file, read_rows
from latefusion.config import CatalogueConfig

SPLITS = ["train", "valid", "test"]
ADVICE_UNLABELLED = (
    "Give each a label, or move it into catalogue.test_products, or name a split column (catalogue.columns.split):"
    " rows it calls test may lack a label."
)


def read_table(catalogue: CatalogueConfig) -> pd.DataFrame:
    """Return the products, then those of `test_products`, indexed by place."""
    products = _read(catalogue, catalogue.products, ["id", "title", "description", "image", "label", "split"])
    _check_labels(products)
    if catalogue.columns.split is None:
        unlabelled = products["id"][is_blank(products["label"])]
        refuse("id " + unlabelled, "Products without a label:", ADVICE_UNLABELLED)
    else:
        products["split"] = _obey_split(products)
    if catalogue.test_products is None:
        return products
    test = _read(catalogue, catalogue.test_products, ["id", "title", "description", "image"])
    test["split"] = "submit"
    return pd.concat([products, test])


def _read(catalogue: CatalogueConfig, name: str, fields: list[str]) -> pd.DataFrame:
    """Read the columns that the config names for `fields`; the others are empty."""
    named = {field: column for field in fields if (column := getattr(catalogue.columns, field)) is not None}
    rows = read_rows(find_file(catalogue.root, name), list(dict.fromkeys(named.values())))
    products = pd.DataFrame({field: rows[column] for field, column in named.items()})
    unnamed = [field for field in ("description", "image", "label", "split") if field not in named]
    products = products.assign(**dict.fromkeys(unnamed, ""))
    check_ids(products)
    products["image"] = _relative_paths(products)
    products["label"] = products["label"].str.strip()  # "Books " is no class of its own
    return products


def _obey_split(products: pd.DataFrame) -> pd.Series:
    """Return the split column, with `submit` for test rows without a label."""
    split, unlabelled = products["split"], is_blank(products["label"])
    odd = products[~split.isin(SPLITS)]
    refuse("id " + odd["id"] + " has '" + odd["split"] + "'", "Unknown splits:", f"Write {', '.join(SPLITS)}.")
    missing = products["id"][unlabelled & (split != "test")]
    refuse("id " + missing, "Products to learn from without a label:", "Give each a label, or call its split test.")
    return split.mask(unlabelled, "submit")


def _check_labels(products: pd.DataFrame) -> None:
    """Raise where 1 and 1.0 both stand: they are one class to a reader and two to a program."""
    whole = products["label"].str.replace(r"\.0+$", "", regex=True)
    odd = products[(whole != products["label"]) & whole.isin(products["label"])]
    refuse(
        "id " + odd["id"] + " has label '" + odd["label"] + "'",
        "Labels that also stand without their decimal point:",
        "Write each class in one way.",
    )


def _relative_paths(products: pd.DataFrame) -> pd.Series:
    """Return the images' paths with forward slashes and without `./`; empty where there is no image."""
    images = products["image"].mask(is_blank(products["image"]), "")
    paths = images.str.replace("\\", "/", regex=False).map(lambda path: path and posixpath.normpath(path)).astype("str")
    outside = paths.str.contains(r"^/|^[A-Za-z]:|^\.\.(?:/|$)|://?") & (paths != "")
    refuse(
        ("id " + products["id"] + " has '" + images + "'")[outside],
        "Images that do not lie under the catalogue's root:",
        "Write paths relative to catalogue.root, without .. (images on the web must be downloaded first).",
    )
    return paths

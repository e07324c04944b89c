"""The canonical table of products, the same for all layouts.

Index: `id`. Columns: `title`, `description`, `image` (path relative to the catalogue's root, or an address on the web;
several: one per line), `label` (several: one per line), `split` and `location` ("products.csv, line 12", for error
messages), all of pandas' `str` dtype. Rows are in the order of the files. A missing value means: no description, no
image, no label (then the split is `submit`), or a split that is not assigned yet.
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from latefusion.catalogue.checks import (
    check_carriage_returns,
    check_ids,
    is_blank,
    is_missing,
    relative_image_paths,
)
from latefusion.catalogue.label_choices import apply_label_choices
from latefusion.catalogue.layouts import LAYOUTS
from latefusion.catalogue.row_issues import handle_missing_titles
from latefusion.catalogue.rows import Rows
from latefusion.catalogue.spelling import check_spellings
from latefusion.config import CatalogueConfig

COLUMNS = ["title", "description", "image", "label", "split"]


class Reading(NamedTuple):
    """A catalogue as it was read."""

    products: pd.DataFrame  # the canonical table
    issues: pd.DataFrame  # rows that were dropped, or kept though something is missing (see `row_issues`)
    others: pd.DataFrame  # the columns of the products' table that are not read; index: id


def read_catalogue(catalogue: CatalogueConfig) -> pd.DataFrame:
    """Return all products of a catalogue, one row each (columns: see the module)."""
    return read_with_issues(catalogue).products


def read_with_issues(catalogue: CatalogueConfig) -> Reading:
    """Return all products of a catalogue, with a person's choices about labels applied, and what was not usual.

    The checks run one after another; the first that fails raises an InputError with file, line and id of every problem.
    """
    return apply_choices(read_before_choices(catalogue), catalogue)


def read_before_choices(catalogue: CatalogueConfig) -> Reading:
    """Return what `read_with_issues` does, but without the choices: the split is drawn from these labels."""
    read = LAYOUTS[catalogue.format].read(catalogue)
    return read_canonical(read if isinstance(read, Rows) else Rows(read), catalogue)


def apply_choices(reading: Reading, catalogue: CatalogueConfig) -> Reading:
    """Return a catalogue after a person's choices about labels; as it is if the config names none."""
    if catalogue.label_choices is None:
        return reading
    products, issues, others = reading
    dropped = pd.Index(issues["id"][issues["action"] == "dropped"])
    products, chosen = apply_label_choices(products, dropped, catalogue)
    return Reading(products, pd.concat([issues, chosen]), others.loc[others.index.isin(products.index)])


def read_canonical(read: Rows, catalogue: CatalogueConfig) -> Reading:
    """Return the canonical table of the rows that a layout has read; raises InputError as `read_with_issues` does."""
    rows, dropped, others = read
    rows, untitled = handle_missing_titles(tidy_rows(rows), catalogue.missing_titles)
    check_spellings(rows, several=catalogue.labels == "several")
    products = to_table(rows)
    return Reading(products, pd.concat([dropped, untitled]), others.loc[others.index.isin(products.index)])


def tidy_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with tidy image paths and labels; raises InputError for ids, paths and labels that cannot be used."""
    check_ids(rows)  # across files: no product may be both labelled and to be predicted
    rows = rows.assign(
        image=relative_image_paths(rows),
        label=rows["label"].str.strip(),  # "Books " is the same class as "Books"
    )
    check_carriage_returns(rows)
    return rows


def to_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the canonical table (see the module) of tidy rows."""
    products = rows.assign(location=rows.index).set_index("id")[[*COLUMNS, "location"]].astype("str")
    return products.assign(
        description=products["description"].mask(is_missing(products["description"])),
        **{column: products[column].mask(is_blank(products[column])) for column in ("image", "label", "split")},
    )


def table_files(catalogue: CatalogueConfig) -> list[Path]:
    """Return the paths of the tables that a catalogue is read from; they may not exist."""
    names = LAYOUTS[catalogue.format].tables(catalogue)
    return [catalogue.root / name for name in names if name is not None]


def read_image_cells(catalogue: CatalogueConfig) -> pd.Series:
    """Return the images that each product names, one per line; missing for none; index: location."""
    read = LAYOUTS[catalogue.format].read(catalogue)
    images = (read.rows if isinstance(read, Rows) else read)["image"]
    return images.mask(is_blank(images))

"""One table out of any layout.

Index `id`; columns `title`, `description`, `image` (relative to the catalogue's root), `label`, `split` and `location`
("products.csv, line 12", for errors), all of pandas' `str` dtype, in the order of the files. Missing: no description,
no image, no label (split `submit`), and a split still to be drawn.
"""

from pathlib import Path

import pandas as pd

from latefusion.catalogue.checks import check_carriage_returns, check_ids, check_titles, is_blank
from latefusion.catalogue.layouts import LAYOUTS
from latefusion.catalogue.spelling import check_spellings
from latefusion.config import CatalogueConfig

COLUMNS = ["title", "description", "image", "label", "split"]


def read_catalogue(catalogue: CatalogueConfig) -> pd.DataFrame:
    """Return all products of a catalogue, one row each.

    Raises InputError, which lists every problem of the first kind found with its file, line and id.
    """
    rows = LAYOUTS[catalogue.format].read(catalogue)
    check_ids(rows)  # across files: a product is either to be learnt from or to be predicted
    check_carriage_returns(rows)
    check_titles(rows)
    check_spellings(rows)
    products = rows.assign(location=rows.index).set_index("id")[[*COLUMNS, "location"]].astype("str")
    return products.assign(
        description=products["description"].mask(_says_nothing(products["description"])),
        **{column: products[column].mask(is_blank(products[column])) for column in ("image", "label", "split")},
    )


def table_files(catalogue: CatalogueConfig) -> list[Path]:
    """Return the tables that a catalogue is read from, whether they exist or not."""
    names = LAYOUTS[catalogue.format].tables(catalogue)
    return [catalogue.root / name for name in names if name is not None]


def _says_nothing(descriptions: pd.Series) -> pd.Series:
    return descriptions.str.strip().isin(["", "NaN"])

"""The canonical table of products, the same for all layouts.

Index: `id`. Columns: `title`, `description`, `image` (path relative to the catalogue's root), `label`, `split` and
`location` ("products.csv, line 12", for error messages), all of pandas' `str` dtype. Rows are in the order of the
files. A missing value means: no description, no image, no label (then the split is `submit`), or a split that is not
assigned yet.
"""

from pathlib import Path

import pandas as pd

from latefusion.catalogue.checks import (
    check_carriage_returns,
    check_ids,
    check_titles,
    is_blank,
    is_missing,
    relative_image_paths,
)
from latefusion.catalogue.layouts import LAYOUTS
from latefusion.catalogue.spelling import check_spellings
from latefusion.config import CatalogueConfig

COLUMNS = ["title", "description", "image", "label", "split"]


def read_catalogue(catalogue: CatalogueConfig) -> pd.DataFrame:
    """Return all products of a catalogue, one row each (columns: see the module).

    The checks run one after another; the first that fails raises an InputError with file, line and id of every problem.
    """
    rows = LAYOUTS[catalogue.format].read(catalogue)
    check_ids(rows)  # across files: no product may be both labelled and to be predicted
    rows = rows.assign(
        image=relative_image_paths(rows),
        label=rows["label"].str.strip(),  # "Books " is the same class as "Books"
    )
    check_carriage_returns(rows)
    check_titles(rows)
    check_spellings(rows)
    products = rows.assign(location=rows.index).set_index("id")[[*COLUMNS, "location"]].astype("str")
    return products.assign(
        description=products["description"].mask(is_missing(products["description"])),
        **{column: products[column].mask(is_blank(products[column])) for column in ("image", "label", "split")},
    )


def table_files(catalogue: CatalogueConfig) -> list[Path]:
    """Return the paths of the tables that a catalogue is read from; they may not exist."""
    names = LAYOUTS[catalogue.format].tables(catalogue)
    return [catalogue.root / name for name in names if name is not None]

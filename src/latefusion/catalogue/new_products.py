"""Read a table of new products, which an exported model is to predict, in blocks; it needs no labels."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.catalogue.canonical import tidy_rows, to_table
from latefusion.catalogue.checks import is_blank
from latefusion.catalogue.reading import RowSource, find_file, open_rows, text_format
from latefusion.catalogue.row_issues import handle_repeated_ids
from latefusion.catalogue.table import find_present, flatten, join_columns, separators
from latefusion.config import CatalogueConfig

logger = logging.getLogger(__name__)
FIELDS = ["id", "title", "description", "image"]
OPTIONAL = ("description", "image")
BLOCK = 10_000  # rows


class NewProducts:
    """A table of new products, of any length: it is read once to check it, then as often as one likes.

    Rows with a repeated id are refused or dropped, as `catalogue.repeated_ids` says. Their ids are found by a hash of
    8 bytes a row, then compared.
    """

    def __init__(self, catalogue: CatalogueConfig, drop_repeats: str = "keep one row of each"):
        """Take the table's file and how it is written; columns of usual names are found too.

        `drop_repeats` is what messages about repeated ids advise: there may be no config to change.
        Raises InputError for a file that cannot be read, and for missing columns.
        """
        self.catalogue, self.path = catalogue, find_file(catalogue.root, catalogue.products)
        self._named: dict[str, list[str]] = {}
        self._found: list[str] = []  # the columns of the table
        self._drop_repeats = drop_repeats
        self.n_products = 0  # known after `check`
        self._repeats: set[str] = set()  # locations of rows whose id an earlier row has
        self._source: RowSource = open_rows(self.path, self._choose, **text_format(catalogue))
        self._warn_of_missing()

    def _warn_of_missing(self) -> None:
        unused = [f"'{name}'" for name in self._found if name not in flatten(self._named)]
        for field in OPTIONAL:
            if field not in self._named:
                advice = f"; not used are {', '.join(unused)}: is it one of these? Then set catalogue.columns.{field}"
                logger.warning(
                    "%s: no column is found for the %s, so all products are without%s",
                    self.path.name, field, advice * bool(unused),
                )  # fmt: skip

    def _choose(self, path: Path, found: list[str]) -> list[str]:
        self._found = found
        self._named = find_present(path, found, self.catalogue.columns, FIELDS, OPTIONAL)
        return flatten(self._named)

    def check(self) -> Iterator[pd.DataFrame]:
        """Read the whole table for the first time, and yield its products in blocks.

        Raises InputError for rows that cannot be read and, after the last block, for ids that are in several blocks.
        """
        hashes, untitled, n_rows = [], 0, 0
        for rows in self._rows(BLOCK):
            hashes.append(_hash(rows["id"]))
            n_rows += len(rows)
            untitled += int(is_blank(rows["title"]).sum())
            if self.catalogue.repeated_ids == "error":
                handle_repeated_ids(rows, "error", self._drop_repeats)
            yield _canonical(rows.drop_duplicates("id"))
        found, counts = np.unique(np.concatenate(hashes), return_counts=True)
        if (counts > 1).any():
            self._find_repeats(found[counts > 1])
        self.n_products = n_rows - len(self._repeats)
        if untitled:
            logger.warning("%s: %d products have no title", self.path.name, untitled)

    def blocks(self, size: int) -> Iterator[pd.DataFrame]:
        """Yield the checked products in blocks of at most `size`: `title`, `description`, `image`; index: id."""
        for rows in self._rows(size):
            if len(kept := rows[~rows.index.isin(self._repeats)]):
                yield _canonical(kept)

    def _rows(self, size: int) -> Iterator[pd.DataFrame]:
        for cells in self._source.blocks(size):
            yield join_columns(cells, self._named, separators(self.catalogue))

    def _find_repeats(self, hashes: np.ndarray) -> None:
        """Look for equal ids among the rows with these hashes; refuse or note them."""
        doubtful = []
        for rows in self._rows(BLOCK):
            doubtful.append(rows[np.isin(_hash(rows["id"]), hashes)])
        _, issues = handle_repeated_ids(pd.concat(doubtful), self.catalogue.repeated_ids, self._drop_repeats)
        self._repeats = set(issues.index)


def _hash(ids: pd.Series) -> np.ndarray:
    """Return (N,) uint64 hashes."""
    return pd.util.hash_array(ids.to_numpy(dtype=object), categorize=False)


def _canonical(rows: pd.DataFrame) -> pd.DataFrame:
    rows = tidy_rows(rows.assign(label="", split="submit"))
    products = to_table(rows.assign(title=rows["title"].mask(is_blank(rows["title"]), "")))
    return products[["title", "description", "image"]]


def read_new_products(catalogue: CatalogueConfig) -> pd.DataFrame:
    """Return all products of a table of new products: `title`, `description`, `image`; index: id.

    A table without descriptions or images, and products without a title, are read, and the log says so. Raises
    InputError for a table that cannot be read, and for repeated ids.
    """
    products = NewProducts(catalogue)
    for _ in products.check():
        pass
    return pd.concat(products.blocks(BLOCK))

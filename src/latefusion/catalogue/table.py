"""The layout `table`, for a shop's own catalogue: a table with columns that the config names."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from latefusion.catalogue.checks import check_ids, is_blank, is_missing, refuse, refuse_lists
from latefusion.catalogue.list_cells import join_cells
from latefusion.catalogue.reading import find_file, read_rows, text_format
from latefusion.catalogue.row_issues import handle_repeated_ids
from latefusion.catalogue.rows import Rows
from latefusion.catalogue.usual_names import find_columns
from latefusion.config import CatalogueConfig, Columns
from latefusion.utils.errors import InputError

logger = logging.getLogger(__name__)

SEVERAL = ("description", "image")  # fields that may be read from several columns
SPLITS = ["train", "valid", "test"]


def read_table(catalogue: CatalogueConfig) -> Rows:
    """Return the products, then those of `test_products`, indexed by location.

    Products without a label are to be predicted. With a split column, only test products may have no label.
    """
    table = read_fields(catalogue, "products", ["id", "title", "description", "image", "label", "split"])
    products, named = table.rows, table.columns
    unlabelled = is_blank(products["label"])
    if unlabelled.all():
        problem = f"no row has a label in the column '{named['label'][0]}': correct catalogue.columns.label"
        raise InputError(f"{catalogue.root / catalogue.products}: {problem}")
    if "split" in named:
        _check_split(products, unlabelled)
    products = products.assign(split=products["split"].mask(unlabelled, "submit"))
    if unlabelled.any():
        logger.info("%d of %d products have no label: they will be predicted", unlabelled.sum(), len(products))
    if catalogue.test_products is None:
        return Rows(products, table.issues, table.others)
    test = read_fields(catalogue, "test_products", ["id", "title", "description", "image"])
    rows = pd.concat([products, test.rows.assign(split="submit")])
    return Rows(rows, pd.concat([table.issues, test.issues]), table.others)


class Table(NamedTuple):
    """One table: its rows, row issues and other columns, and the columns that each field is read from."""

    rows: pd.DataFrame
    issues: pd.DataFrame
    others: pd.DataFrame
    columns: dict[str, list[str]]


def read_fields(catalogue: CatalogueConfig, key: str, fields: list[str]) -> Table:
    """Read `fields` of the table that a key of the catalogue names; they are empty where there is no column."""
    named: dict[str, list[str]] = {}

    def choose(path: Path, found: list[str]) -> list[str]:
        named.update(find_columns(path, found, catalogue.columns, fields))
        return flatten(named)

    cells = read_rows(
        find_file(catalogue.root, getattr(catalogue, key), f"catalogue.{key}"),
        choose,
        others=True,
        **text_format(catalogue),
    )
    rows, issues = handle_repeated_ids(join_columns(cells, named, separators(catalogue)), catalogue.repeated_ids)
    check_ids(rows)
    read = flatten(named)
    others = cells.loc[rows.index, [name for name in cells if name not in read]].set_axis(rows["id"].to_list())
    return Table(rows, issues, others, named)


def find_present(
    path: Path, found: list[str], columns: Columns, fields: list[str], optional: tuple[str, ...]
) -> dict[str, list[str]]:
    """Return the columns of each field that has any, of a table that the config was not written for.

    Columns that the config names and the table lacks are looked for by their usual names too; `optional` fields may
    have none. Raises InputError if several columns have usual names of one field.
    """
    named = find_columns(path, found, _present(columns, found), fields)
    return {field: names for field, names in named.items() if field not in optional or set(names) <= set(found)}


def flatten(named: dict[str, list[str]]) -> list[str]:
    """Return the columns of all fields, each once."""
    return list(dict.fromkeys(column for columns in named.values() for column in columns))


def separators(catalogue: CatalogueConfig) -> dict[str, str | None]:
    """Return the fields whose cells may name several images or labels, with what separates these."""
    labels = {"label": catalogue.label_separator} if catalogue.labels == "several" else {}
    return {"image": catalogue.image_separator, **labels}


def join_columns(
    cells: pd.DataFrame, named: dict[str, list[str]], separators: Mapping[str, str | None]
) -> pd.DataFrame:
    """Return a column for each field of the canonical table, from the columns that it is read from.

    Cells of the fields in `separators` may name several images or labels, which are returned one per line. Raises
    InputError for lists in other fields.
    """
    texts = {field: columns for field, columns in named.items() if field not in separators}
    refuse_lists(cells[flatten(texts)])
    rows = pd.DataFrame({field: _join(cells[columns]) for field, columns in texts.items()})
    for field in separators.keys() & named.keys():
        rows[field] = join_cells([cells[name] for name in named[field]], separators[field])
    unnamed = [field for field in ("description", "image", "label", "split") if field not in named]
    return rows.assign(**dict.fromkeys(unnamed, ""))


def _present(columns: Columns, found: list[str]) -> Columns:
    """Return the columns without those that the config names and the table lacks."""
    named = {field: [name for name in columns.of(field) if name in found] for field in columns.model_fields_set}
    kept = {field: names if field in SEVERAL else names[0] for field, names in named.items() if names}
    without = {field: None for field in named if getattr(columns, field) is None}  # the config says that there is none
    return Columns.model_validate(kept | without)


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

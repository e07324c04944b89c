"""Checks for all layouts. Rows are indexed by location ("products.csv, line 12"), which each error message names."""

import posixpath

import numpy as np
import pandas as pd

from latefusion.catalogue.cells import LIST_MARK
from latefusion.images.fetched import is_url
from latefusion.utils.errors import list_problems


def refuse(problems: pd.Series, headline: str, advice: str) -> None:
    """Raise one InputError that lists all problems (texts, indexed by location), if there are any."""
    if len(problems):
        raise list_problems(headline, [f"{location}: {text}" for location, text in problems.items()], advice)


def refuse_lists(cells: pd.DataFrame) -> None:
    """Raise InputError for cells that hold lists (see `cells`), in columns that need one text."""
    for name, column in cells.items():
        lists = column[column.str.startswith(LIST_MARK)]
        refuse(
            f"'{name}' holds a list: " + lists.map(lambda cell: str(cell.split(LIST_MARK)[1:])),
            "Lists where one text is needed:",
            "Only images may be lists, and labels with catalogue.labels: several. Write one text or number.",
        )


def is_blank(cells: pd.Series) -> pd.Series:
    """Return which cells are empty or hold only white space, as bools."""
    return cells.str.strip() == ""


def is_missing(texts: pd.Series) -> pd.Series:
    """Return which descriptions are missing, as bools: blank, or NaN, which pandas writes for a missing value."""
    return texts.str.strip().isin(["", "NaN"])


def check_ids(rows: pd.DataFrame) -> None:
    """Raise InputError for empty and duplicate ids."""
    empty = rows["id"][is_blank(rows["id"])]
    refuse("id '" + empty + "'", "Rows without an id:", "Give every row its own id.")
    repeated = rows["id"][rows["id"].duplicated(keep=False)].sort_values(kind="stable")
    refuse("id " + repeated, "Duplicate ids:", "Give every row its own id.")


def check_carriage_returns(rows: pd.DataFrame) -> None:
    """Raise InputError for ids and labels with carriage returns, before training: predictions.tsv cannot hold them."""
    for column in ("id", "label"):
        invalid = rows[column][rows[column].str.contains("\r", regex=False)]
        refuse(
            f"{column} " + invalid.map(repr),
            f"Carriage returns in {column}s, which predictions.tsv cannot hold:",
            f"Remove them; in the {column}s above each is written as \\r.",
        )


def check_whole_numbers(rows: pd.DataFrame, columns: list[str]) -> None:
    """Raise InputError for cells of `columns` that are not whole numbers."""
    for column in columns:
        invalid = rows[~rows[column].str.fullmatch("[0-9]+")]
        refuse(
            f"{column} '" + invalid[column] + "'" + ("" if column == "id" else " of id " + invalid["id"]),
            f"Cells of {column} that are not whole numbers:",
            "The challenge's ids and codes are whole numbers; is a cell in the wrong column?",
        )


def relative_image_paths(products: pd.DataFrame) -> pd.Series:
    """Return the images' paths, one per line, with forward slashes and without `./`; empty if there is no image.

    Addresses on the web stay as they are. Raises InputError for paths that lead out of the catalogue's root.
    """
    parts = products["image"].str.split("\n")
    counts = parts.str.len().to_numpy()
    if (counts == 1).all():
        return _relative_paths(products)
    row = np.repeat(np.arange(len(products)), counts)
    single = products[["id"]].iloc[row].assign(image=[path for paths in parts for path in paths])
    paths = pd.Series(_relative_paths(single).to_numpy()).groupby(row).agg("\n".join)
    return pd.Series(paths.to_numpy(), products.index, dtype="str")


def _relative_paths(products: pd.DataFrame) -> pd.Series:
    images = products["image"].mask(is_blank(products["image"]), "")
    on_the_web = is_url(images)
    several = images.str.contains(r"[|;,\s]\s*(?i:https?)://")
    refuse(
        ("id " + products["id"] + " has '" + images + "'")[several],
        "Cells that seem to hold several addresses:",
        "Say what separates them, in catalogue.image_separator.",
    )
    paths = images.str.replace("\\", "/", regex=False).map(lambda path: path and posixpath.normpath(path)).astype("str")
    outside = paths.str.contains(r"^/|^[A-Za-z]:|^\.\.(?:/|$)|://?") & (paths != "") & ~on_the_web
    refuse(
        ("id " + products["id"] + " has '" + images + "'")[outside],
        "Images that are not in the catalogue's root:",
        "Write paths relative to catalogue.root, without .., or addresses that begin with http:// or https://.",
    )
    return paths.mask(on_the_web, images.str.strip())

"""Check the rows of a submission: the content of the cells, and the ids against those of the test file.

Rows are indexed by their location ("mine.tsv, line 3"). `source` is what error messages call the products to predict,
for example the name of the test file.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from latefusion.catalogue.checks import refuse
from latefusion.utils.errors import list_problems

FLOAT = re.compile(r"[+-]?([0-9]+[.,][0-9]*|[.,][0-9]+|[0-9]+(?=[eE]))([eE][+-]?[0-9]+)?")
# headline, function that is true for a wrong cell, advice
CELL_FAULTS: list[tuple[str, Callable[[str], object], str]] = [
    ("Empty cells:", lambda cell: not cell.strip(), "Every product needs all of its cells."),
    ("Cells with spaces around them:", lambda cell: cell != cell.strip(), "Remove the spaces."),
    (
        "Floats, where only whole numbers are accepted:",
        FLOAT.fullmatch,
        "Write 10, not 10.0: pandas turns a column with a gap into floats; fill the gap, then convert to integers.",
    ),
    (
        "Cells that are not numbers:",
        lambda cell: not re.fullmatch("[0-9]+", cell),
        "The challenge's ids and codes are whole numbers, written with digits only.",
    ),
]


def check_whole_numbers(rows: pd.DataFrame) -> None:
    """Raise InputError if any cell is not a whole number, with all cells that have the first kind of fault found.

    The columns of `rows` are named as in the header.
    """
    cells = [
        (location, name or "id", cell)
        for location, *row in rows.itertuples()
        for name, cell in zip(rows, row, strict=True)
    ]
    for headline, at_fault, advice in CELL_FAULTS:
        problems = [f"{location}: {name} {cell!r}" for location, name, cell in cells if at_fault(cell)]
        if problems:
            raise list_problems(headline, problems, advice)


def check_ids(path: Path, rows: pd.DataFrame, expected: pd.DataFrame, *, source: str) -> None:
    """Raise InputError unless the rows have exactly the ids of `expected`, in the same order."""
    _check_length(rows, expected, source)
    ids, wanted = rows["id"], expected["id"]
    counts = f"({len(rows):,} rows, {len(expected):,} products)"
    unknown = ids[~ids.isin(wanted)]
    refuse(
        "id " + unknown, f"Ids that {source} does not hold {counts}:", "Is this the submission for another test set?"
    )
    repeated = ids[ids.duplicated(keep=False)].sort_values(kind="stable")
    refuse("id " + repeated, f"Ids that occur more than once {counts}:", "Every product has one row.")
    missing = wanted[~wanted.isin(ids)]
    refuse("id " + missing, f"Products that {path.name} lacks {counts}:", "Every product needs a row.")
    wanted = pd.Series(wanted.to_numpy(), index=ids.index)
    problems = "id " + ids + ", where id " + wanted + " is expected"
    refuse(problems[ids != wanted], f"Rows in another order than {source}:", "Keep its order; do not sort.")


def _check_length(rows: pd.DataFrame, expected: pd.DataFrame, source: str) -> None:
    """Raise InputError if the rows are right as far as they go, but too many or too few."""
    shared = min(len(rows), len(expected))
    if (rows["id"].to_numpy()[:shared] != expected["id"].to_numpy()[:shared]).any():
        return
    counts = f"{len(rows):,} rows, where {source} has {len(expected):,} products"
    surplus, missing = rows["id"].iloc[shared:], expected["id"].iloc[shared:]
    refuse("id " + surplus, f"Too many rows: {counts}. These follow after the last:", "Remove them.")
    headline = f"{rows.index[-1]}: too few rows: {counts}. The file ends before these:"
    refuse("id " + missing, headline, "Was it cut off?")


def check_keys(rows: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Raise InputError if a row has the image id or product id of another product.

    Call it after `check_ids`: the rows must be in the order of `expected`.
    """
    wanted = expected[["image_id", "product_id"]].set_index(rows.index)
    swapped = (rows["image_id"] == wanted["product_id"]) & (rows["product_id"] == wanted["image_id"])
    swapped &= rows["image_id"] != rows["product_id"]
    problems = "id " + rows["id"] + " has image_id " + rows["image_id"] + " and product_id " + rows["product_id"]
    refuse(problems[swapped], "Rows whose image and product id are swapped:", "The image id comes first.")
    for column in wanted:
        problems = "id " + rows["id"] + f" has {column} " + rows[column] + " instead of " + wanted[column]
        odd = rows[column] != wanted[column]
        refuse(problems[odd], f"Rows with the {column} of another product:", "Copy it from the test file.")


def check_labels(rows: pd.DataFrame, known: Iterable[str], noun: str) -> None:
    """Raise InputError on labels that are not in `known`, the labels of the training products.

    `noun` is the word for them in messages: "Codes" or "Labels".
    """
    known = list(known)
    unknown = rows[~rows["label"].isin(known)]
    shown = ", ".join(known[:30]) + (f" and {len(known) - 30} more" if len(known) > 30 else "")
    problems = "id " + unknown["id"] + " has '" + unknown["label"] + "'"
    refuse(problems, f"{noun} that no training product has:", f"Known: {shown}.")

"""Checks every layout shares. Rows are indexed by their location in a file, so each complaint says where to look."""

import pandas as pd

from latefusion.utils.errors import list_problems


def refuse(problems: pd.Series, headline: str, advice: str) -> None:
    """Raise one error that lists all problems (text by location), if there are any."""
    if len(problems):
        raise list_problems(headline, [f"{location}: {text}" for location, text in problems.items()], advice)


def is_blank(cells: pd.Series) -> pd.Series:
    """Tell which cells hold nothing but white space."""
    return cells.str.strip() == ""


def check_ids(rows: pd.DataFrame) -> None:
    """Raise for empty ids and for ids that stand more than once."""
    empty = rows["id"][is_blank(rows["id"])]
    refuse("id '" + empty + "'", "Rows without an id:", "Give every row its own id.")
    repeated = rows["id"][rows["id"].duplicated(keep=False)].sort_values(kind="stable")
    refuse("id " + repeated, "Ids that stand more than once:", "Give every row its own id.")


def check_carriage_returns(rows: pd.DataFrame) -> None:
    """Raise for ids and labels that predictions.tsv cannot carry: now, not when it is written after all training."""
    for column in ("id", "label"):
        odd = rows[column][rows[column].str.contains("\r", regex=False)]
        refuse(
            f"{column} " + odd.map(repr),
            f"Carriage returns in {column}s, which no table of predictions can carry:",
            f"Remove them; in the {column}s above each is written as \\r.",
        )


def check_titles(rows: pd.DataFrame) -> None:
    """Raise for products without a title."""
    untitled = rows["id"][is_blank(rows["title"])]
    refuse("id " + untitled, "Products without a title:", "Every product needs one: write a title or remove the row.")


def check_whole_numbers(rows: pd.DataFrame, columns: list[str]) -> None:
    """Raise where a cell of `columns` is not a whole number."""
    for column in columns:
        odd = rows[~rows[column].str.fullmatch("[0-9]+")]
        refuse(
            f"{column} '" + odd[column] + "'" + ("" if column == "id" else " of id " + odd["id"]),
            f"Cells of {column} that are not whole numbers:",
            "The challenge's ids and codes are whole numbers; is a cell in the wrong column?",
        )

"""Check that a table has the columns that are read from it."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from latefusion.utils.errors import list_problems
from latefusion.utils.nearest import nearest

# The columns to read: their names, a function that chooses them from the columns found, or None for all.
Wanted: TypeAlias = list[str] | Callable[[Path, list[str]], list[str]] | None


def select_columns(path: Path, found: list[str], wanted: Wanted) -> list[str]:
    """Return the columns to read of the columns found. Raises InputError unless each is there exactly once."""
    columns = wanted(path, found) if callable(wanted) else list(wanted or found)
    require_columns(path, found, columns)
    return columns


def require_columns(path: Path, found: list[str], columns: list[str]) -> None:
    """Raise InputError unless each of `columns` is in the table exactly once; `found` are the table's columns."""
    problems = [f"no column '{column}'{nearest_column(column, found)}" for column in columns if column not in found]
    problems += [f"duplicate column '{column}'" for column in dict.fromkeys(columns) if found.count(column) > 1]
    if problems:
        advice = f"Columns found: {', '.join(repr(name) for name in found)}."
        if len(found) == 1 or any(separator in name for name in found for separator in ",;|\t"):
            advice += " There is only one:" * (len(found) == 1) + " Is the separator right?"
            advice += " .csv is separated by commas, .tsv by tabs; for format table, catalogue.delimiter can be comma,"
            advice += " semicolon, tab or pipe."
        advice += " For format table, set the names of the columns in catalogue.columns (null: no such column; only for"
        advice += " description and image)."
        raise list_problems(f"{path}: missing or duplicate columns:", problems, advice)


def nearest_column(column: str, found: list[str]) -> str:
    """Return a clause to append to an error message: the most similar of the columns found, if any is similar."""
    near = nearest(column, found)
    return f"; did you mean '{near}'?" if near is not None else ""

"""Whether a table has the columns that are asked for."""

from pathlib import Path

from latefusion.utils.errors import list_problems
from latefusion.utils.nearest import nearest


def require_columns(path: Path, found: list[str], columns: list[str]) -> None:
    """Raise unless each of `columns` is found exactly once."""
    problems = [f"no column '{column}'{nearest_column(column, found)}" for column in columns if column not in found]
    problems += [f"column '{column}' stands twice" for column in dict.fromkeys(columns) if found.count(column) > 1]
    if problems:
        advice = f"Columns found: {', '.join(repr(name) for name in found)}."
        if len(found) == 1:
            advice += " There is only one: .csv is separated by commas, .tsv by tabs."
        advice += " For a table, catalogue.columns says which column holds what (null: there is none)."
        raise list_problems(f"{path}: the columns are not those expected:", problems, advice)


def nearest_column(column: str, found: list[str]) -> str:
    """Return a clause to append to an error: the nearest of the columns found, if any is near."""
    near = nearest(column, found)
    return f"; did you mean '{near}'?" if near is not None else ""

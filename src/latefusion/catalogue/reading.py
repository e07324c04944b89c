"""Read files of rows as text: every cell a string, nothing guessed, each row indexed by its place.

A place is what an editor shows, "X_train.tsv, line 12" ("row" for Parquet), so every later check can say where a
problem is. Python's csv module does the splitting: it knows the line of each row, and leaves the titles "NA" and "null"
the text they are.
"""

import csv
import io
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from latefusion.catalogue.parquet import parquet_columns, read_parquet
from latefusion.errors import InputError, list_problems

MAX_CELL = 100_000_000  # characters; Python's own limit of 131,072 is less than some descriptions hold
DELIMITERS = {".csv": ",", ".tsv": "\t"}


def find_file(root: Path, name: str) -> Path:
    """Return `root / name`, or say what the folder holds instead."""
    path = root / name
    if not path.parent.is_dir():
        raise InputError(f"{path} not found: there is no folder {path.parent}; catalogue.root is {root}")
    if not path.is_file():
        held = sorted(item.name for item in path.parent.iterdir())
        shown = ", ".join(held[:20]) + (f" and {len(held) - 20} more" if len(held) > 20 else "")
        raise InputError(f"{path} not found: the folder holds {shown or 'nothing'}")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty")
    return path


def read_rows(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a CSV, TSV or Parquet file by its ending; without `columns`, all of them."""
    suffix = path.suffix.lower()
    if suffix in DELIMITERS:
        return read_delimited(path, DELIMITERS[suffix], columns)
    if suffix != ".parquet":
        raise InputError(f"{path}: the file must end in .csv, .tsv or .parquet")
    columns = columns or parquet_columns(path)
    require_columns(path, parquet_columns(path), columns)
    return _require_rows(path, read_parquet(path, columns))


def read_delimited(
    path: Path, delimiter: str, columns: list[str] | None = None, *, quoted: bool = True
) -> pd.DataFrame:
    """Read delimited text in UTF-8, with or without a BOM; where nothing is `quoted`, quotes are text."""
    text = _decode(path)
    records = _quoted_records(path, text, delimiter) if quoted else _plain_records(text, delimiter)
    lines_and_cells = list(records)
    if not lines_and_cells:
        raise InputError(f"{path} is empty")
    (_, header), *body = lines_and_cells
    columns = columns or header
    require_columns(path, header, columns)
    _require_width(path, body, len(header))
    places = pd.Index([f"{path.name}, line {line}" for line, _ in body], dtype="str")
    rows = pd.DataFrame([cells for _, cells in body], columns=header, index=places, dtype="str")
    return _require_rows(path, rows)[columns]


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
    by_lower = {name.lower(): name for name in found}
    near = get_close_matches(column.lower(), by_lower, n=1)
    return f"; did you mean '{by_lower[near[0]]}'?" if near else ""


def _decode(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: not UTF-8 ({error.reason}); save the file as UTF-8") from None


def _plain_records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    for line, content in enumerate(text.split("\n"), start=1):
        if content := content.removesuffix("\r"):
            yield line, content.split(delimiter)


def _quoted_records(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1  # where the record starts: a quoted cell may span lines
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        advice = "close every quote, and write a quote inside a quoted cell twice"
        raise InputError(f"{path}, line {line}: the quotes do not match ({error}); {advice}") from None


def _require_width(path: Path, body: list[tuple[int, list[str]]], width: int) -> None:
    problems = [f"{path.name}, line {line}: {len(cells)} cells" for line, cells in body if len(cells) != width]
    if problems:
        advice = "A separator or a line break inside a cell is the usual reason."
        raise list_problems(f"{path}: the header has {width} cells, these lines have another number:", problems, advice)


def _require_rows(path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    if rows.empty:
        raise InputError(f"{path} has a header and no rows")
    return rows

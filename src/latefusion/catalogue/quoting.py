"""Refuse tables in which a stray quotation mark swallows rows.

If a table is not quoted, but is read as if it were, a title that begins with a quotation mark (`"Retro" lamp`) opens a
cell that ends with the next title that ends with one (`screen 24"`). All rows between are lost in this cell, without an
error. But such a cell spans several lines, and each of these lines is a row if the marks are read as text.
"""

import csv
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from latefusion.utils.errors import InputError, list_problems

QUOTING_ADVICE = (
    "Double a quotation mark inside a quoted cell. For format table, set catalogue.quoted: false if quotation marks are"
    " text and no cell is quoted, true if quoted cells do span lines."
)
ENOUGH_IDS = 20  # rows needed to derive what an id looks like
_ID_TRAITS = [
    re.compile(r"\S"),  # not empty
    re.compile(r"^\S*\Z"),  # no space
    re.compile(r"[0-9]"),  # a digit
    re.compile(r"^[\W\d_]*\Z"),  # no letter
]
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


class Record(NamedTuple):
    """A row of the file: the number of its first line, its lines, and its cells."""

    line: int
    lines: list[str]
    cells: list[str]

    @property
    def end(self) -> int:
        """The number of its last line."""
        return self.line + len(self.lines) - 1


def refuse_long_header(path: Path, header: Record) -> None:
    """Raise InputError if the header spans several lines."""
    if header.end > header.line:
        problem = f"a quotation mark in the header opens a cell that continues to line {header.end}"
        raise InputError(f"{path}, line {header.line}: {problem}. {QUOTING_ADVICE}")


def refuse_swallowed_rows(
    path: Path, header: Record, body: list[Record], delimiter: str, *, id_column: int, usual: list[Record]
) -> None:
    """Raise InputError if a record spans lines that would be rows if its quotation marks were text.

    A line that could be a row has the header's number of cells. In a table that needs quotes, because cells hold
    separators, a line of a description may have that number too. There the line must also have a new id that looks like
    the other ids, in the cell with index `id_column`. `usual` are rows that tell what ids look like, and whether the
    table needs quotes.
    """
    width = len(header.cells)
    spanning = [record for record in body if record.end > record.line and _begins_as_row(record, width, delimiter)]
    if not spanning:
        return
    is_id = _id_test(usual, width, delimiter, id_column)
    problems = []
    for record in spanning:
        readings = [_read_alone(line, delimiter) for line in record.lines[1:]]
        n_rows = sum(any(len(cells) == width and is_id(cells[id_column]) for cells in pair) for pair in readings)
        if n_rows:
            what = f"seems to hold {n_rows} further row{'s' * (n_rows > 1)}, which would be lost"
            problems.append(f"{path.name}, line {record.line}: a quoted cell continues to line {record.end}; it {what}")
    if problems:
        raise list_problems(f"{path}: quotation marks that swallow rows:", problems, QUOTING_ADVICE)


def _id_test(body: list[Record], width: int, delimiter: str, id_column: int) -> Callable[[str], bool]:
    """Return a predicate: whether a cell could be the id of a swallowed row.

    It accepts any cell if the table does not need quotes, or has too few rows to derive what an id looks like.
    """
    normal = [record for record in body if record.end == record.line and len(record.cells) == width]
    needs_quotes = any(len(_split(record.lines[0], delimiter)) != width for record in normal)
    if not needs_quotes or len(normal) < ENOUGH_IDS:
        return lambda cell: True
    ids = {record.cells[id_column] for record in normal}
    traits = [trait for trait in _ID_TRAITS if all(map(trait.search, ids))]
    return lambda cell: cell not in ids and all(trait.search(cell) for trait in traits)


def _begins_as_row(record: Record, width: int, delimiter: str) -> bool:
    """Return whether the record is a complete row up to one of its line breaks.

    This is always true if a stray quotation mark swallows rows. It is false if a cell that really spans lines is
    followed by other cells.
    """
    beginnings = [
        record.cells[:column] + lines[0].split(delimiter)
        for column, cell in enumerate(record.cells)
        if len(lines := _LINE_BREAK.split(cell)) > 1
    ]
    return any(len(cells) == width for cells in [_split(record.lines[0], delimiter), *beginnings])


def _read_alone(line: str, delimiter: str) -> Iterable[list[str]]:
    """Return a line's cells in two readings: with quotation marks as text, and with quotation marks as quotes."""
    return [_split(line, delimiter), *csv.reader([line.rstrip("\r\n")], delimiter=delimiter)]


def _split(line: str, delimiter: str) -> list[str]:
    return line.rstrip("\r\n").split(delimiter)

"""Refuse tables in which a stray quotation mark swallows rows.

Where a table is not quoted, a title that begins with a quotation mark (`"Retro" lamp`) opens a cell for a reader that
knows quotes, and it ends with the next title that ends with one (`screen 24"`): all rows between are lost in it, and no
reader complains. But such a cell spans lines, and where the marks are text, each of these lines is a row.
"""

import csv
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from latefusion.utils.errors import InputError, list_problems

QUOTING_ADVICE = (
    "Write a quotation mark inside a quoted cell twice. For format table, catalogue.quoted says how to read them: false"
    " where the table has no quoting and they are text, true where such cells do span lines."
)
ENOUGH_IDS = 20  # to learn from what an id looks like
_ID_TRAITS = [
    re.compile(r"\S"),  # something
    re.compile(r"^\S*\Z"),  # no space
    re.compile(r"[0-9]"),  # a digit
    re.compile(r"^[\W\d_]*\Z"),  # no letter
]
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


class Record(NamedTuple):
    """A row before its columns are known: the number of its first line, its lines, and their cells."""

    line: int
    lines: list[str]
    cells: list[str]

    @property
    def end(self) -> int:
        return self.line + len(self.lines) - 1


def refuse_long_header(path: Path, header: Record) -> None:
    """Raise where the header spans lines."""
    if header.end > header.line:
        problem = f"a quotation mark in the header opens a cell that goes on to line {header.end}"
        raise InputError(f"{path}, line {header.line}: {problem}. {QUOTING_ADVICE}")


def refuse_swallowed_rows(path: Path, header: Record, body: list[Record], delimiter: str, *, id_place: int) -> None:
    """Raise where a record spans lines that would be rows if its quotation marks were text.

    A line that could be a row has the header's number of cells. In a table that needs its quotes, for cells on one line
    hold separators, prose may have that too: there it must also begin a product that is not in the table, by an id
    (the cell at `id_place`) that looks like the others.
    """
    width = len(header.cells)
    spanning = [record for record in body if record.end > record.line and _begins_as_row(record, width, delimiter)]
    is_id = _id_test(body, width, delimiter, id_place) if spanning else None
    problems = []
    for record in spanning:
        readings = [_read_alone(line, delimiter) for line in record.lines[1:]]
        n_rows = sum(any(len(cells) == width and is_id(cells[id_place]) for cells in pair) for pair in readings)
        if n_rows:
            what = f"looks like {n_rows} further row{'s' * (n_rows > 1)}, which would be lost"
            problems.append(f"{path.name}, line {record.line}: a quoted cell goes on to line {record.end}; it {what}")
    if problems:
        raise list_problems(f"{path}: quotation marks that swallow rows:", problems, QUOTING_ADVICE)


def _id_test(body: list[Record], width: int, delimiter: str, place: int) -> Callable[[str], bool]:
    """Return what tells whether a cell could be the id of a further row: any cell, where there is little to go by."""
    sound = [record for record in body if record.end == record.line and len(record.cells) == width]
    needs_quotes = any(len(_split(record.lines[0], delimiter)) != width for record in sound)
    if not needs_quotes or len(sound) < ENOUGH_IDS:
        return lambda cell: True
    ids = {record.cells[place] for record in sound}
    traits = [trait for trait in _ID_TRAITS if all(map(trait.search, ids))]
    return lambda cell: cell not in ids and all(trait.search(cell) for trait in traits)


def _begins_as_row(record: Record, width: int, delimiter: str) -> bool:
    """Tell whether the record is a row up to a line break in it: always so where a stray quotation mark swallows rows.

    It is not where a cell that does span lines is followed by others.
    """
    beginnings = [
        record.cells[:place] + lines[0].split(delimiter)
        for place, cell in enumerate(record.cells)
        if len(lines := _LINE_BREAK.split(cell)) > 1
    ]
    return any(len(cells) == width for cells in [_split(record.lines[0], delimiter), *beginnings])


def _read_alone(line: str, delimiter: str) -> Iterable[list[str]]:
    """Return a line's cells with its quotation marks as text, then as quotes."""
    return [_split(line, delimiter), *csv.reader([line.rstrip("\r\n")], delimiter=delimiter)]


def _split(line: str, delimiter: str) -> list[str]:
    return line.rstrip("\r\n").split(delimiter)

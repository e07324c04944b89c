"""Read delimited text (CSV, TSV) in UTF-8: every cell a string, nothing guessed, each row indexed by its line.

Python's csv module splits quoted tables: it knows the line of each row, and leaves the titles "NA" and "null" the text
they are. What it cannot know is whether a table is quoted at all. Where it is not, a title that begins with a quotation
mark opens a cell that ends with the next title that ends with one (`screen 24"`), and every row between vanishes into
it. So a cell that spans lines is refused if a line in it looks like a row, unless the user vouches for the quotes.
"""

import csv
import io
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from latefusion.catalogue.columns import require_columns
from latefusion.errors import InputError, list_problems

logger = logging.getLogger(__name__)

MAX_CELL = 100_000_000  # characters; Python's own limit of 131,072 is less than some descriptions hold
QUOTING_ADVICE = (
    "Write a quotation mark inside a quoted cell twice. For format table, catalogue.quoted says how to read them: false"
    " where the table has no quoting and they are text, true where such cells do span lines."
)
RowTest = Callable[[list[str]], bool]
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


class _Record(NamedTuple):
    """A row before its columns are known: the number of its first line, its lines, and their cells."""

    line: int
    lines: list[str]
    cells: list[str]

    @property
    def end(self) -> int:
        return self.line + len(self.lines) - 1


def read_delimited(
    path: Path,
    delimiter: str,
    columns: list[str] | None = None,
    *,
    quoted: bool | None = None,
    whole_numbers: Iterable[str] = (),
) -> pd.DataFrame:
    """Return `columns`, by default all, as text, indexed by place ("products.csv, line 12"); a BOM is passed over.

    `quoted`: False, quotation marks are text; True, they quote; None, they quote, but a quoted cell that spans lines is
    refused if a line in it looks like a row. The columns of `whole_numbers` hold nothing else, so that prose with as
    many separators does not look like a row.
    """
    lines = list(io.StringIO(_decode(path), newline="\n" if quoted is False else ""))
    records = list(_plain_records(lines, delimiter) if quoted is False else _quoted_records(path, lines, delimiter))
    if not records:
        raise InputError(f"{path} is empty")
    header, *body = records
    if quoted is None:
        _refuse_long_header(path, header)
    columns = columns or header.cells
    require_columns(path, header.cells, columns)
    if quoted is None:
        _refuse_swallowed_rows(path, body, _row_test(header.cells, whole_numbers), delimiter)
    _require_width(path, body, len(header.cells))
    if not body:
        raise InputError(f"{path} has a header and no rows")
    spanning = sum(record.end > record.line for record in body)
    logger.info(
        "%s: %d lines, %d rows%s", path.name, len(lines), len(body), f", {spanning} over several lines" * bool(spanning)
    )
    places = pd.Index([f"{path.name}, line {record.line}" for record in body], dtype="str")
    return pd.DataFrame([record.cells for record in body], columns=header.cells, index=places, dtype="str")[columns]


def _decode(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: not UTF-8 ({error.reason}); save the file as UTF-8") from None


def _plain_records(lines: list[str], delimiter: str) -> Iterator[_Record]:
    for number, line in enumerate(lines, start=1):
        if content := line.removesuffix("\n").removesuffix("\r"):
            yield _Record(number, [line], content.split(delimiter))


def _quoted_records(path: Path, lines: list[str], delimiter: str) -> Iterator[_Record]:
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    end = 0
    try:
        for cells in reader:
            start, end = end, reader.line_num
            if cells:
                yield _Record(start + 1, lines[start:end], cells)
    except csv.Error as error:
        place = f"{path}, line {end + 1}"
        if "field larger" in str(error):
            advice = "is a quotation mark not closed? Otherwise shorten the cell."
            raise InputError(f"{place}: a cell of more than {MAX_CELL:,} characters; {advice}") from None
        raise InputError(f"{place}: the quotes do not match ({error}). {QUOTING_ADVICE}") from None


def _refuse_long_header(path: Path, header: _Record) -> None:
    if header.end > header.line:
        problem = f"a quotation mark in the header opens a cell that goes on to line {header.end}"
        raise InputError(f"{path}, line {header.line}: {problem}. {QUOTING_ADVICE}")


def _refuse_swallowed_rows(path: Path, body: list[_Record], is_row: RowTest, delimiter: str) -> None:
    """Raise where a row spans lines that would be rows themselves if its quotation marks were text."""
    problems = []
    for record in body:
        if record.end > record.line and _begins_as_row(record, is_row, delimiter):
            n_rows = sum(_is_row_alone(line, is_row, delimiter) for line in record.lines[1:])
            what = f"looks like {n_rows} further row{'s' * (n_rows > 1)}, which would be lost"
            problem = f"{path.name}, line {record.line}: a quoted cell goes on to line {record.end}; it {what}"
            problems += [problem] * (n_rows > 0)
    if problems:
        raise list_problems(f"{path}: quotation marks that swallow rows:", problems, QUOTING_ADVICE)


def _begins_as_row(record: _Record, is_row: RowTest, delimiter: str) -> bool:
    """Tell whether the record is a row up to a line break in it: always so where a stray quotation mark swallows rows.

    It is not where a cell that does span lines is followed by others.
    """
    beginnings = [
        record.cells[:place] + lines[0].split(delimiter)
        for place, cell in enumerate(record.cells)
        if len(lines := _LINE_BREAK.split(cell)) > 1
    ]
    return any(map(is_row, [record.lines[0].rstrip("\r\n").split(delimiter), *beginnings]))


def _is_row_alone(line: str, is_row: RowTest, delimiter: str) -> bool:
    """Tell whether a line could be a row, with its quotation marks as text or as quotes."""
    line = line.rstrip("\r\n")
    return is_row(line.split(delimiter)) or any(map(is_row, csv.reader([line], delimiter=delimiter)))


def _row_test(header: list[str], whole_numbers: Iterable[str]) -> RowTest:
    """Return what tells whether cells could be a row of the table."""
    numbers = [header.index(column) for column in whole_numbers]
    return lambda cells: len(cells) == len(header) and all(re.fullmatch("[0-9]+", cells[place]) for place in numbers)


def _require_width(path: Path, body: list[_Record], width: int) -> None:
    problems = [
        f"{path.name}, line {record.line}: {len(record.cells)} cells" for record in body if len(record.cells) != width
    ]
    if problems:
        advice = "A separator or a line break inside a cell is the usual reason."
        raise list_problems(f"{path}: the header has {width} cells, these lines have another number:", problems, advice)

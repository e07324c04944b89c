"""Read delimited text (CSV, TSV): all cells are strings, rows are indexed by location.

Quoted tables are split by Python's csv module rather than by pandas: it gives the line of each row, and it reads the
titles "NA" and "null" as text.
"""

import csv
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from latefusion.catalogue.columns import Wanted, select_columns
from latefusion.catalogue.encoding import decode
from latefusion.catalogue.quoting import QUOTING_ADVICE, Record, refuse_long_header, refuse_swallowed_rows
from latefusion.catalogue.separator import find_delimiter, named_delimiter, show_delimiter
from latefusion.utils.errors import InputError, list_problems

logger = logging.getLogger(__name__)

MAX_CELL = 100_000_000  # characters; some descriptions are longer than Python's default limit of 131,072


def read_delimited(
    path: Path,
    delimiter: str,
    wanted: Wanted = None,
    *,
    others: bool = False,
    quoted: bool | None = None,
    encoding: str = "utf-8",
    find_separator: bool = False,
) -> pd.DataFrame:
    """Return the wanted columns, by default all, as text, indexed by location ("products.csv, line 12").

    The first is the id. `others`: return the other columns too. `quoted`: False, quotation marks are text; True, they
    enclose cells; None, they enclose cells, but cells that seem to hold several rows are refused (see `quoting`).
    `encoding`: see `encoding.decode`. `find_separator`: read with another separator if it fits the table better than
    `delimiter`. Raises InputError for a file that cannot be read as such a table.
    """
    text, encoding = decode(path, encoding)
    lines = list(io.StringIO(text, newline="\n" if quoted is False else ""))

    def split(delimiter: str) -> Iterator[Record]:
        return _plain_records(lines, delimiter) if quoted is False else _quoted_records(path, lines, delimiter)

    if find_separator:
        delimiter = named_delimiter(lines) or find_delimiter(split, delimiter)
    records = list(split(delimiter))
    if not records:
        raise InputError(f"{path} is empty")
    header, *body = records
    if quoted is None:
        refuse_long_header(path, header)
    columns = select_columns(path, header.cells, wanted)
    if quoted is None:
        refuse_swallowed_rows(path, header, body, delimiter, id_column=header.cells.index(columns[0]))
    _require_width(path, body, len(header.cells))
    if not body:
        raise InputError(f"{path} has a header but no rows")
    logger.info("%s: separator %s, encoding %s", path.name, show_delimiter(delimiter), encoding)
    spanning = sum(record.end > record.line for record in body)
    logger.info(
        "%s: %d lines, %d rows%s", path.name, len(lines), len(body), f", {spanning} over several lines" * bool(spanning)
    )
    if others:
        columns += [name for name in header.cells if name not in columns and header.cells.count(name) == 1]
    locations = pd.Index([f"{path.name}, line {record.line}" for record in body], dtype="str")
    return pd.DataFrame([record.cells for record in body], columns=header.cells, index=locations, dtype="str")[columns]


def _plain_records(lines: list[str], delimiter: str) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        if content := line.removesuffix("\n").removesuffix("\r"):
            yield Record(number, [line], content.split(delimiter))


def _quoted_records(path: Path, lines: list[str], delimiter: str) -> Iterator[Record]:
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    end = 0
    try:
        for cells in reader:
            start, end = end, reader.line_num
            if cells:
                yield Record(start + 1, lines[start:end], cells)
    except csv.Error as error:
        location = f"{path}, line {end + 1}"
        if "field larger" in str(error):
            advice = "is a quotation mark not closed? Otherwise shorten the cell."
            raise InputError(f"{location}: a cell of more than {MAX_CELL:,} characters: {advice}") from None
        raise InputError(f"{location}: the quotes do not match ({error}). {QUOTING_ADVICE}") from None


def _require_width(path: Path, body: list[Record], width: int) -> None:
    problems = [
        f"{path.name}, line {record.line}: {len(record.cells)} cells" for record in body if len(record.cells) != width
    ]
    if problems:
        advice = "The usual reason is a separator or a line break inside a cell: quote the cell or remove it."
        raise list_problems(f"{path}: the header has {width} cells, these lines have more or fewer:", problems, advice)

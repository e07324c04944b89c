"""Read delimited text (CSV, TSV): all cells are strings, rows are indexed by location.

Quoted tables are split by Python's csv module rather than by pandas: it gives the line of each row, and it reads the
titles "NA" and "null" as text.
"""

import csv
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import pandas as pd

from latefusion.catalogue.columns import Wanted, select_columns
from latefusion.catalogue.encoding import find_encoding, open_text, show_encoding
from latefusion.catalogue.quoting import QUOTING_ADVICE, Record, refuse_long_header, refuse_swallowed_rows
from latefusion.catalogue.separator import find_delimiter, named_delimiter, show_delimiter
from latefusion.utils.errors import InputError, list_problems

logger = logging.getLogger(__name__)

USUAL = 10_000  # first rows, which tell what rows look like, whatever the size of the blocks
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

    The first is the id. `others`: return the other columns too. The other keywords: see `open_delimited`. Raises
    InputError for a file that cannot be read as such a table.
    """
    table = open_delimited(path, delimiter, wanted, quoted=quoted, encoding=encoding, find_separator=find_separator)
    if others:
        header = table.header.cells
        more = [name for name in header if name not in table.columns and header.count(name) == 1]
        table = replace(table, columns=table.columns + more)
    [rows] = table.blocks(None)
    return rows


def open_delimited(
    path: Path,
    delimiter: str,
    wanted: Wanted = None,
    *,
    quoted: bool | None = None,
    encoding: str = "utf-8",
    find_separator: bool = False,
) -> "DelimitedTable":
    """Find out how a table is written, and log it.

    `quoted`: False, quotation marks are text; True, they enclose cells; None, they enclose cells, but cells that seem
    to hold several rows are refused (see `quoting`). `encoding`: see `encoding.find_encoding`. `find_separator`: read
    with another separator if it fits the table better than `delimiter`.
    """
    encoding = find_encoding(path, encoding)
    file = TextFile(path, encoding, quoted)
    if find_separator:
        delimiter = named_delimiter(file.first_line()) or find_delimiter(file.records, delimiter)
    header = next(file.records(delimiter), None)
    if header is None:
        raise InputError(f"{path} is empty")
    if quoted is None:
        refuse_long_header(path, header)
    columns = select_columns(path, header.cells, wanted)
    logger.info("%s: separator %s, encoding %s", path.name, show_delimiter(delimiter), show_encoding(encoding))
    return DelimitedTable(file, delimiter, header, columns)


@dataclass(frozen=True)
class TextFile:
    """The lines of a text table."""

    path: Path
    encoding: str
    quoted: bool | None

    def first_line(self) -> str:
        """Return the first line, with its line break."""
        with open_text(self.path, self.encoding, newline="") as file:
            return file.readline()

    def lines(self) -> Iterator[str]:
        """Yield the lines with their line breaks; without the content of a first line that names the separator."""
        with open_text(self.path, self.encoding, newline="\n" if self.quoted is False else "") as file:
            for number, line in enumerate(file):
                yield "\n" if number == 0 and named_delimiter(line) else line

    def records(self, delimiter: str) -> Iterator[Record]:
        """Yield the rows, without empty ones."""
        return self._plain_records(delimiter) if self.quoted is False else self._quoted_records(delimiter)

    def _plain_records(self, delimiter: str) -> Iterator[Record]:
        for number, line in enumerate(self.lines(), start=1):
            if content := line.removesuffix("\n").removesuffix("\r"):
                yield Record(number, [line], content.split(delimiter))

    def _quoted_records(self, delimiter: str) -> Iterator[Record]:
        csv.field_size_limit(MAX_CELL)
        own: list[str] = []  # the lines of the current row

        def noted() -> Iterator[str]:
            for line in self.lines():
                own.append(line)
                yield line

        reader = csv.reader(noted(), delimiter=delimiter, strict=True)
        end = 0
        try:
            for cells in reader:
                start, end = end, reader.line_num
                if cells:
                    yield Record(start + 1, own.copy(), cells)
                own.clear()
        except csv.Error as error:
            location = f"{self.path}, line {end + 1}"
            if "field larger" in str(error):
                advice = "is a quotation mark not closed? Otherwise shorten the cell."
                raise InputError(f"{location}: a cell of more than {MAX_CELL:,} characters: {advice}") from None
            raise InputError(f"{location}: the quotes do not match ({error}). {QUOTING_ADVICE}") from None


@dataclass(frozen=True)
class DelimitedTable:
    """A text table: how it is written, and the columns to read."""

    file: TextFile
    delimiter: str
    header: Record
    columns: list[str]

    def blocks(self, size: int | None) -> Iterator[pd.DataFrame]:
        """Yield the columns as text, indexed by location, in blocks of `size` rows; None: all rows in one.

        Raises InputError for rows that cannot be read.
        """
        path, names = self.file.path, self.header.cells
        records, usual = self._body(), None if size is None else list(islice(self._body(), USUAL))
        n_rows = 0
        while body := list(islice(records, size)):
            if self.file.quoted is None:
                id_column = names.index(self.columns[0])
                refuse_swallowed_rows(
                    path, self.header, body, self.delimiter, id_column=id_column, usual=body if usual is None else usual
                )
            _require_width(path, body, len(names))
            n_rows += len(body)
            spanning = sum(record.end > record.line for record in body)
            if size is None:
                over = f", {spanning} over several lines" * bool(spanning)
                logger.info("%s: %d lines, %d rows%s", path.name, body[-1].end, n_rows, over)
            locations = pd.Index([f"{path.name}, line {record.line}" for record in body], dtype="str")
            cells = [record.cells for record in body]
            yield pd.DataFrame(cells, columns=names, index=locations, dtype="str")[self.columns]
        if n_rows == 0:
            raise InputError(f"{path} has a header but no rows")

    def _body(self) -> Iterator[Record]:
        return islice(self.file.records(self.delimiter), 1, None)  # without the header


def _require_width(path: Path, body: list[Record], width: int) -> None:
    problems = [
        f"{path.name}, line {record.line}: {len(record.cells)} cells" for record in body if len(record.cells) != width
    ]
    if problems:
        advice = "The usual reason is a separator or a line break inside a cell: quote the cell or remove it."
        raise list_problems(f"{path}: the header has {width} cells, these lines have more or fewer:", problems, advice)

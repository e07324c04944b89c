"""Read JSON lines: one object per line and product; null and keys that an object lacks become an empty string."""

import json
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd

from latefusion.catalogue.cells import cell_text, is_flat
from latefusion.catalogue.columns import Wanted, select_columns
from latefusion.catalogue.encoding import find_encoding, open_text, show_encoding
from latefusion.utils.errors import InputError, list_problems
from latefusion.utils.nearest import shorten

logger = logging.getLogger(__name__)

KINDS: dict[type, str] = {list: "a list", dict: "an object"}


def read_json_lines(path: Path, wanted: Wanted = None, *, others: bool = False, encoding: str = "auto") -> pd.DataFrame:
    """Return the wanted columns, by default all, as text, indexed by location ("products.jsonl, line 12").

    A column is a key of any of the objects; for lists of texts see `cells`. `others`: return the other columns too,
    unless they hold lists or objects. Raises InputError for lines that are not JSON objects, and for objects and other
    lists in wanted columns.
    """
    table = open_json_lines(path, wanted, others=others, encoding=encoding)
    [rows] = table.blocks(None)
    logger.info("%s: %d rows, encoding %s", path.name, len(rows), show_encoding(table.encoding))
    return rows


def open_json_lines(
    path: Path, wanted: Wanted = None, *, others: bool = False, encoding: str = "auto"
) -> "JsonLinesTable":
    """Read all lines once, to find the columns; the arguments and errors are those of `read_json_lines`."""
    encoding = find_encoding(path, encoding)
    found: dict[str, None] = {}
    nested: dict[str, str] = {}  # what a column holds that is not text, and where first
    lists: set[str] = set()  # columns with lists of texts
    for number, record in _records(path, encoding):
        found |= dict.fromkeys(record)
        for column, cell in record.items():
            if is_flat(cell):
                lists.add(column)
            elif isinstance(cell, list | dict):
                nested.setdefault(column, f"{path.name}, line {number}: '{column}' holds {KINDS[type(cell)]}")
    if not found:
        raise InputError(f"{path} is empty")
    columns = select_columns(path, list(found), wanted)
    if problems := [nested[name] for name in columns if name in nested]:
        raise list_problems(f"{path}: keys that cannot be read as text:", problems, "Text or numbers are needed.")
    if others:
        columns += [name for name in found if name not in columns and name not in nested and name not in lists]
    return JsonLinesTable(path, encoding, columns)


@dataclass(frozen=True)
class JsonLinesTable:
    """A file of JSON lines, and the columns to read."""

    path: Path
    encoding: str
    columns: list[str]

    def blocks(self, size: int | None) -> Iterator[pd.DataFrame]:
        """Yield the columns as text, indexed by location, in blocks of `size` rows; None: all rows in one."""
        records = _records(self.path, self.encoding)
        while block := list(islice(records, size)):
            cells = {name: [cell_text(record.get(name)) for _, record in block] for name in self.columns}
            locations = pd.Index([f"{self.path.name}, line {number}" for number, _ in block], dtype="str")
            yield pd.DataFrame(cells, index=locations, dtype="str")


def _records(path: Path, encoding: str) -> Iterator[tuple[int, dict]]:
    """Yield the number and the object of each line that is not empty."""
    with open_text(path, encoding, newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, _parse(path, number, line)


def _parse(path: Path, number: int, line: str) -> dict:
    """Return a line's object. Raises InputError if it is none, or if it has a key twice."""
    location = f"{path}, line {number}"
    try:
        record = json.loads(
            line, parse_int=str, parse_float=_finite, parse_constant=_constant, object_pairs_hook=_unique
        )
        json.dumps(record, ensure_ascii=False).encode()  # halves of surrogate pairs (\ud83d) are not text
    except RecursionError:
        raise InputError(f"{location}: nested too deeply") from None
    except UnicodeEncodeError:
        raise InputError(f"{location}: a character that is cut in half (\\ud800 to \\udfff); write it again") from None
    except ValueError as error:
        raise InputError(
            f"{location}: not JSON ({error}): '{shorten(line.strip())}'; write one object per line"
        ) from None
    if not isinstance(record, dict):
        raise InputError(f"{location}: not an object: '{shorten(line.strip())}'; write one object per line")
    return record


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{shorten(digits)} is too large a number")
    return number


def _constant(word: str) -> float:
    """Return NaN, which pandas writes for a missing value. Raises ValueError for Infinity."""
    if word == "NaN":
        return math.nan
    raise ValueError(f"{word} is not a number of JSON")


def _unique(pairs: list[tuple[str, object]]) -> dict:
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key '{next(key for key in keys if keys.count(key) > 1)}' is there twice")
    return record

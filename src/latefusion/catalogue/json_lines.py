"""Read JSON lines: one object per line and product; null and keys that an object lacks become an empty string."""

import json
import logging
import math
from pathlib import Path

import pandas as pd

from latefusion.catalogue.cells import cell_text
from latefusion.catalogue.columns import Wanted, select_columns
from latefusion.catalogue.encoding import decode
from latefusion.utils.errors import InputError, list_problems
from latefusion.utils.nearest import shorten

logger = logging.getLogger(__name__)

KINDS: dict[type, str] = {list: "a list", dict: "an object"}


def read_json_lines(path: Path, wanted: Wanted = None, *, others: bool = False, encoding: str = "auto") -> pd.DataFrame:
    """Return the wanted columns, by default all, as text, indexed by location ("products.jsonl, line 12").

    A column is a key of any of the objects. `others`: return the other columns too, unless they hold lists or objects.
    Raises InputError for lines that are not JSON objects, and for lists and objects in wanted columns.
    """
    text, encoding = decode(path, encoding)
    lines = text.split("\n")
    records = {number: _parse(path, number, line) for number, line in enumerate(lines, start=1) if line.strip()}
    if not records:
        raise InputError(f"{path} is empty")
    found = list(dict.fromkeys(key for record in records.values() for key in record))
    chosen = select_columns(path, found, wanted)
    nested = {
        column: (number, KINDS[type(record[column])])
        for number, record in reversed(records.items())
        for column in record
        if isinstance(record[column], list | dict)
    }
    problems = [
        f"{path.name}, line {nested[name][0]}: '{name}' holds {nested[name][1]}" for name in chosen if name in nested
    ]
    if problems:
        raise list_problems(f"{path}: keys that cannot be read as text:", problems, "Text or numbers are needed.")
    if others:
        chosen += [name for name in found if name not in chosen and name not in nested]
    logger.info("%s: %d rows, encoding %s", path.name, len(records), encoding)
    cells = {name: [cell_text(record.get(name)) for record in records.values()] for name in chosen}
    return pd.DataFrame(
        cells, index=pd.Index([f"{path.name}, line {number}" for number in records], dtype="str"), dtype="str"
    )


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

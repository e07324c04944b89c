"""Find the files of a catalogue and read tables as text, indexed by location; the suffix gives the format.

A location is the file's name and the line that an editor shows ("X_train.tsv, line 12"), or for Parquet and Excel the
row. All later checks use it to say where a problem is.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, TypedDict

import pandas as pd

from latefusion.catalogue.columns import Wanted
from latefusion.catalogue.contents import unknown_suffix
from latefusion.catalogue.delimited import open_delimited, read_delimited
from latefusion.catalogue.excel import open_excel, read_excel
from latefusion.catalogue.json_lines import open_json_lines, read_json_lines
from latefusion.catalogue.parquet import open_parquet, read_parquet
from latefusion.config import CatalogueConfig
from latefusion.utils.errors import InputError

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}  # by their names in `catalogue.delimiter`
DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
READABLE = (*DELIMITERS, *JSON_LINES, ".xlsx", ".parquet")


def find_file(root: Path, name: str, key: str | None = None) -> Path:
    """Return `root / name`. Raises InputError if there is no such file; the message lists the folder's files.

    `key`: the key of the config that holds the name; if the folder has one table alone, the message advises to set it.
    """
    path = root / name
    try:
        if not path.parent.is_dir():
            raise InputError(f"{path} not found: the folder {path.parent} does not exist; catalogue.root is {root}")
        if path.is_dir():
            raise InputError(no_table(path))
        if not path.is_file():
            held = sorted(item.name for item in path.parent.iterdir())
            shown = ", ".join(held[:20]) + (f" and {len(held) - 20} more" if len(held) > 20 else "")
            tables = [one for one in held if Path(one).suffix.lower() in READABLE]
            advice = f"; if it is {tables[0]}, set {key}: {tables[0]}" if key and len(tables) == 1 else ""
            raise InputError(f"{path} not found: the folder holds {shown or 'nothing'}{advice}")
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty")
    except OSError as error:
        raise InputError(f"{path}: cannot be opened: {error.strerror}") from None
    return path


def no_table(path: Path) -> str:
    """Return why a path is no table: it is a folder, or there is no such file."""
    if not path.is_dir():
        return f"{path}: there is no such file"
    tables = sorted(item.name for item in path.iterdir() if item.suffix.lower() in READABLE)
    found = f", such as {path / tables[0]}" if tables else ""
    return f"{path} is a folder: name the table in it{found}"


class TextFormat(TypedDict):
    """The keys of a catalogue that say how its text tables are written."""

    quoted: bool | None
    delimiter: str
    encoding: str


def text_format(catalogue: CatalogueConfig) -> TextFormat:
    """Return how the text tables of a catalogue are written, as keywords of `read_rows`."""
    return {"quoted": catalogue.quoted, "delimiter": catalogue.delimiter, "encoding": catalogue.encoding}


class RowSource(Protocol):
    """A table that is open: how it is written and which columns are wanted has been found out."""

    def blocks(self, size: int) -> Iterator[pd.DataFrame]:
        """Yield the wanted columns as text, indexed by location, in blocks of `size` rows; each call begins anew."""


def read_rows(
    path: Path,
    wanted: Wanted = None,
    *,
    others: bool = False,
    quoted: bool | None = None,
    delimiter: str = "auto",
    encoding: str = "auto",
) -> pd.DataFrame:
    """Return the wanted columns, by default all, of a table as text; `others`: then those that are not wanted too.

    The other keywords, for CSV and TSV and the encoding also for JSON lines, are those of the catalogue.
    """
    suffix = path.suffix.lower()
    if suffix in DELIMITERS:
        return read_delimited(path, wanted=wanted, others=others, **_delimited(suffix, quoted, delimiter, encoding))
    if suffix in JSON_LINES:
        return read_json_lines(path, wanted, others=others, encoding=encoding)
    if suffix == ".xlsx":
        return read_excel(path, wanted, others=others)
    if suffix == ".parquet":
        return read_parquet(path, wanted, others=others)
    raise unknown_suffix(path)


def open_rows(
    path: Path, wanted: Wanted = None, *, quoted: bool | None = None, delimiter: str = "auto", encoding: str = "auto"
) -> RowSource:
    """Open a table to read it in blocks; the arguments are those of `read_rows`."""
    suffix = path.suffix.lower()
    if suffix in DELIMITERS:
        return open_delimited(path, wanted=wanted, **_delimited(suffix, quoted, delimiter, encoding))
    if suffix in JSON_LINES:
        return open_json_lines(path, wanted, encoding=encoding)
    if suffix == ".xlsx":
        return open_excel(path, wanted)
    if suffix == ".parquet":
        return open_parquet(path, wanted)
    raise unknown_suffix(path)


class _Delimited(TypedDict):
    delimiter: str
    find_separator: bool
    quoted: bool | None
    encoding: str


def _delimited(suffix: str, quoted: bool | None, delimiter: str, encoding: str) -> _Delimited:
    """Return the keywords for a CSV or TSV file."""
    find = delimiter == "auto"
    usual = DELIMITERS[suffix] if find else SEPARATORS[delimiter]
    return {"delimiter": usual, "find_separator": find, "quoted": quoted, "encoding": encoding}

"""Find the files of a catalogue and read tables as text, indexed by location; the suffix gives the format.

A location is the file's name and the line that an editor shows ("X_train.tsv, line 12"), or for Parquet and Excel the
row. All later checks use it to say where a problem is.
"""

from pathlib import Path
from typing import TypedDict

import pandas as pd

from latefusion.catalogue.columns import Wanted
from latefusion.catalogue.delimited import read_delimited
from latefusion.catalogue.excel import read_excel
from latefusion.catalogue.json_lines import read_json_lines
from latefusion.catalogue.parquet import read_parquet
from latefusion.config import CatalogueConfig
from latefusion.utils.errors import InputError

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}  # by their names in `catalogue.delimiter`
DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson")


def find_file(root: Path, name: str) -> Path:
    """Return `root / name`. Raises InputError if there is no such file; the message lists the folder's files."""
    path = root / name
    try:
        if not path.parent.is_dir():
            raise InputError(f"{path} not found: the folder {path.parent} does not exist; catalogue.root is {root}")
        if not path.is_file():
            held = sorted(item.name for item in path.parent.iterdir())
            shown = ", ".join(held[:20]) + (f" and {len(held) - 20} more" if len(held) > 20 else "")
            raise InputError(f"{path} not found: the folder holds {shown or 'nothing'}")
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty")
    except OSError as error:
        raise InputError(f"{path}: cannot be opened: {error.strerror}") from None
    return path


class TextFormat(TypedDict):
    """The keys of a catalogue that say how its text tables are written."""

    quoted: bool | None
    delimiter: str
    encoding: str


def text_format(catalogue: CatalogueConfig) -> TextFormat:
    """Return how the text tables of a catalogue are written, as keywords of `read_rows`."""
    return {"quoted": catalogue.quoted, "delimiter": catalogue.delimiter, "encoding": catalogue.encoding}


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
        usual = DELIMITERS[suffix] if delimiter == "auto" else SEPARATORS[delimiter]
        return read_delimited(
            path, usual, wanted, others=others, quoted=quoted, encoding=encoding, find_separator=delimiter == "auto"
        )
    if suffix in JSON_LINES:
        return read_json_lines(path, wanted, others=others, encoding=encoding)
    if suffix == ".xlsx":
        return read_excel(path, wanted, others=others)
    if suffix != ".parquet":
        raise InputError(f"{path}: the file must end in .csv, .tsv, .parquet, .xlsx, .jsonl or .ndjson")
    return read_parquet(path, wanted, others=others)

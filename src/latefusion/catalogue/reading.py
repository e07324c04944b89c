"""Find the files of a catalogue and read tables as text, indexed by location; the suffix gives the format.

A location is the file's name and the line that an editor shows ("X_train.tsv, line 12"), or the row for Parquet. All
later checks use it to say where a problem is.
"""

from pathlib import Path

import pandas as pd

from latefusion.catalogue.delimited import read_delimited
from latefusion.catalogue.parquet import read_parquet
from latefusion.utils.errors import InputError

DELIMITERS = {".csv": ",", ".tsv": "\t"}


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


def read_rows(path: Path, columns: list[str] | None = None, *, quoted: bool | None = None) -> pd.DataFrame:
    """Return `columns`, by default all, of a CSV, TSV or Parquet file as text; `quoted`: see `read_delimited`."""
    suffix = path.suffix.lower()
    if suffix in DELIMITERS:
        return read_delimited(path, DELIMITERS[suffix], columns, quoted=quoted)
    if suffix != ".parquet":
        raise InputError(f"{path}: the file must end in .csv, .tsv or .parquet")
    return read_parquet(path, columns)

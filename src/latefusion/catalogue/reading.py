"""Find the files of a catalogue, and read tables by their ending: every cell text, each row indexed by its location.

A location is what an editor shows, "X_train.tsv, line 12" ("row" for Parquet), so every later check can say where a
problem is.
"""

from pathlib import Path

import pandas as pd

from latefusion.catalogue.delimited import read_delimited
from latefusion.catalogue.parquet import read_parquet
from latefusion.utils.errors import InputError

DELIMITERS = {".csv": ",", ".tsv": "\t"}


def find_file(root: Path, name: str) -> Path:
    """Return `root / name`, or say what the folder holds instead."""
    path = root / name
    try:
        if not path.parent.is_dir():
            raise InputError(f"{path} not found: there is no folder {path.parent}; catalogue.root is {root}")
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
    """Read a CSV, TSV or Parquet file by its ending; without `columns`, all of them; `quoted` as in read_delimited."""
    suffix = path.suffix.lower()
    if suffix in DELIMITERS:
        return read_delimited(path, DELIMITERS[suffix], columns, quoted=quoted)
    if suffix != ".parquet":
        raise InputError(f"{path}: the file must end in .csv, .tsv or .parquet")
    return read_parquet(path, columns)

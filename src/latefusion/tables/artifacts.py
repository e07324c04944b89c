"""Read files that earlier jobs wrote. Errors name a missing or damaged file and the commands that make it again."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from latefusion.plan.records import how_to_make
from latefusion.utils.errors import InputError, is_shortage
from latefusion.utils.files import read_json

# The errors of pyarrow and pandas for damaged files: damaged data pages, headers, or pandas metadata.
_UNREADABLE = (pa.ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError)


def damaged(path: Path, what: str) -> InputError:
    """Return the error for a file of a run folder that is not as its job wrote it; `what` says what is wrong."""
    return InputError(f"{path}: {what}: damaged or changed by hand. Make it again:\n{how_to_make(path.parent)}")


def read_parquet(path: Path, columns: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return a table of a run folder (index: id) that has at least these columns.

    Raises InputError if the file is missing or unreadable, an id is duplicated, or a column is missing.
    """
    _must_exist(path)
    try:
        with pq.ParquetFile(path) as file:
            content = file.read(use_threads=False)  # see utils.parquet
        content.validate(full=True)  # otherwise text that is not UTF-8 would raise an error only when it is used
        table = content.to_pandas(use_threads=False)
    except PermissionError as error:
        raise InputError(f"{path}: no permission to read it") from error
    except _UNREADABLE as error:
        if is_shortage(error) and not isinstance(error, MemoryError):  # a damaged length is one, too
            raise
        raise damaged(path, f"it cannot be read as Parquet ({_first_line(error)})") from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise damaged(path, f"it has no column {missing[0]!r}")
    if table.index.name != "id":
        raise damaged(path, f"its index is {table.index.name!r} instead of 'id'")
    if not table.index.is_unique:
        raise damaged(path, f"duplicate id {table.index[table.index.duplicated()][0]!r}")
    return table


def read_json_object(path: Path) -> dict:
    """Return the JSON object in a file of a run folder. Raises InputError if it is missing or damaged."""
    _must_exist(path)
    try:
        content = read_json(path)
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, nested too deep
        raise damaged(path, f"it cannot be read as JSON ({_first_line(error)})") from error
    if not isinstance(content, dict):
        raise damaged(path, "it is not a JSON object")
    return content


def _must_exist(path: Path) -> None:
    if not path.is_file():
        raise damaged(path, "it is missing")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)

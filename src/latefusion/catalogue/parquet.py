"""Read Parquet columns as text: null becomes an empty string, whole numbers have no decimal point."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet as pq
from pyarrow import types

from latefusion.catalogue.cells import cell_text
from latefusion.catalogue.columns import Wanted, select_columns
from latefusion.utils.errors import InputError, list_problems

logger = logging.getLogger(__name__)

# Types that can be written as text in one way only. A column of type null is read as empty cells.
READABLE = (
    types.is_string,
    types.is_large_string,
    types.is_string_view,
    types.is_integer,
    types.is_floating,
    types.is_decimal,
    types.is_boolean,
    types.is_date,
    types.is_null,
)


def read_parquet(path: Path, wanted: Wanted = None, *, others: bool = False) -> pd.DataFrame:
    """Return the wanted columns, by default all, as text, indexed by location ("products.parquet, row 12", from 1).

    For lists of texts see `cells`. `others`: return the other columns that can be read as text too. Raises InputError
    for a damaged file, for missing columns, and for wanted columns that cannot be read as text.
    """
    table = open_parquet(path, wanted)
    file, columns = table.file, table.columns
    [rows] = table.blocks(None)
    logger.info("%s: %d rows", path.name, len(rows))
    names = file.schema_arrow.names
    rest = [name for name in names if name not in columns and names.count(name) == 1] if others else []
    cells: dict[str, list[str]] = {}
    for name in rest:
        with suppress(InputError):  # damage in columns that are not wanted does not matter
            cells |= _read_all(path, file, [name]) if _is_readable(file.schema_arrow.field(name).type) else {}
    return rows.assign(**pd.DataFrame(cells, index=rows.index, dtype="str"))


def open_parquet(path: Path, wanted: Wanted = None) -> "ParquetTable":
    """Find and check the columns; the arguments and errors are those of `read_parquet`."""
    with _damage_reported(path):
        file = pq.ParquetFile(path, page_checksum_verification=True)
        schema = file.schema_arrow
    columns = select_columns(path, schema.names, wanted)
    _require_readable(path, schema, columns)
    if file.metadata.num_rows == 0:
        raise InputError(f"{path} has no rows")
    return ParquetTable(path, file, columns)


@dataclass(frozen=True)
class ParquetTable:
    """A Parquet file, and the columns to read."""

    path: Path
    file: pq.ParquetFile
    columns: list[str]

    def blocks(self, size: int | None) -> Iterator[pd.DataFrame]:
        """Yield the columns as text, indexed by location, in blocks of `size` rows; None: all rows in one."""
        n_read = 0
        for cells in [_read_all(self.path, self.file, self.columns)] if size is None else self._read(size):
            n_rows = len(next(iter(cells.values())))
            locations = [f"{self.path.name}, row {row}" for row in range(n_read + 1, n_read + n_rows + 1)]
            n_read += n_rows
            yield pd.DataFrame(cells, index=pd.Index(locations, dtype="str"), dtype="str")
        _require_all(self.path, self.file, n_read)

    def _read(self, size: int) -> Iterator[dict[str, list[str]]]:
        with _damage_reported(self.path):
            for batch in self.file.iter_batches(batch_size=size, columns=self.columns, use_threads=False):
                batch.validate(full=True)
                yield _texts(batch, self.columns)


def _read_all(path: Path, file: pq.ParquetFile, columns: list[str]) -> dict[str, list[str]]:
    """Return all cells of these columns as text. Raises InputError if they are damaged."""
    with _damage_reported(path):
        table = file.read(columns=columns, use_threads=False)  # see utils.parquet
        table.validate(full=True)  # raises for text that is not UTF-8 and for wrong lengths, in damaged files
        cells = _texts(table, columns)
    _require_all(path, file, table.num_rows)
    return cells


def _texts(table: pa.Table | pa.RecordBatch, columns: list[str]) -> dict[str, list[str]]:
    return {column: [cell_text(cell) for cell in table.column(column).to_pylist()] for column in columns}


def _require_all(path: Path, file: pq.ParquetFile, n_read: int) -> None:
    if n_read != (n_rows := file.metadata.num_rows):
        raise InputError(f"{path}: damaged: only {n_read} of {n_rows} rows can be read; write it again")


@contextmanager
def _damage_reported(path: Path) -> Iterator[None]:
    """Turn pyarrow's errors for files that are damaged or not Parquet into InputErrors.

    pyarrow's own errors derive from ValueError (as does UnicodeDecodeError), OSError, KeyError, ..., or only from
    ArrowException; OverflowError is a date outside the calendar, MemoryError a wrong length.
    """
    try:
        yield
    except (pa.ArrowException, ValueError, OverflowError, OSError, MemoryError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path}: not a Parquet file, or a damaged one ({reason}); write it again") from None


def _require_readable(path: Path, schema: pa.Schema, columns: list[str]) -> None:
    fields = [schema.field(column) for column in columns]
    problems = [f"column '{field.name}' holds {field.type}" for field in fields if not _is_text_or_list(field.type)]
    if problems:
        advice = (
            "Text, numbers, booleans or dates are needed: convert bytes to text, and lists to columns of their own."
        )
        raise list_problems(f"{path}: columns that cannot be read as text:", problems, advice)


def _is_text_or_list(kind: pa.DataType) -> bool:
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return _is_readable(kind.value_type if is_list else kind)


def _is_readable(kind: pa.DataType) -> bool:
    if types.is_dictionary(kind):  # categories
        return _is_readable(kind.value_type)
    return any(is_kind(kind) for is_kind in READABLE)

"""Read Parquet columns as text: an empty string where a cell is null, whole numbers without a decimal point."""

from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet as pq

from latefusion.errors import InputError


def parquet_columns(path: Path) -> list[str]:
    """Return the names of a file's columns without reading its rows."""
    return _open(path).schema_arrow.names


def read_parquet(path: Path, columns: list[str]) -> pd.DataFrame:
    """Read `columns` as strings, indexed by their place ("products.parquet, row 12", the first row is 1)."""
    table = _open(path).read(columns=columns)
    for field in table.schema:
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type):
            raise InputError(f"{path}: column '{field.name}' holds {field.type}; text or numbers are needed")
    cells = {column: [_text(cell) for cell in table.column(column).to_pylist()] for column in columns}
    places = pd.Index([f"{path.name}, row {row}" for row in range(1, table.num_rows + 1)], dtype="str")
    return pd.DataFrame(cells, index=places, dtype="str")


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError):
        raise InputError(f"{path}: not a Parquet file, or a damaged one") from None


def _text(cell: object) -> str:
    """Write 1 and 1.0 alike: a column of integers with a gap is stored as floats."""
    if cell is None or cell != cell:  # NaN
        return ""
    if isinstance(cell, float | Decimal) and cell % 1 == 0:
        cell = int(cell)
    return str(cell)

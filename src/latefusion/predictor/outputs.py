"""Write predictions to a table of any length, atomically: CSV, TSV, JSON lines or Parquet.

Lists of labels and of their probabilities stay lists in JSON lines and Parquet, and are joined in the others.
"""

import heapq
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import itemgetter
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet as pq

from latefusion.catalogue.reading import DELIMITERS, JSON_LINES
from latefusion.tables.predictions import NUMBER_LISTS, joined, list_columns
from latefusion.utils.files import atomic_write
from latefusion.utils.parquet import read_frame

SUFFIXES = (*DELIMITERS, *JSON_LINES, ".parquet")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # spreadsheets run cells that begin so
ROWS = 1024  # that are written at a time, and of a row group of a sorted table
FILES = 200  # that are merged at a time: systems allow a process 1,024 open files or fewer


def write_table(
    path: Path, blocks: Iterable[pd.DataFrame], *, separator: str = "|", spreadsheet_safe: bool = False
) -> int:
    """Write tables of the same columns, one after another (index: id); return the number of rows.

    `separator`: of lists, where they are joined. `spreadsheet_safe`: text that a spreadsheet would run as a formula
    begins with an apostrophe.
    """
    suffix = path.suffix.lower()
    with atomic_write(path) as unfinished:
        tables = (joined(block, separator) for block in blocks) if suffix in DELIMITERS else iter(blocks)
        tables = map(_disarm, tables) if spreadsheet_safe else tables
        if suffix == ".parquet":
            return _write_parquet(unfinished, tables)
        if suffix in JSON_LINES:
            return _write_json_lines(unfinished, tables)
        return _write_text(unfinished, tables, DELIMITERS[suffix])


def _write_text(path: Path, blocks: Iterable[pd.DataFrame], delimiter: str) -> int:
    n_rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for number, block in enumerate(blocks):
            block.to_csv(file, sep=delimiter, header=number == 0, float_format="%.6f", lineterminator="\n")
            n_rows += len(block)
    return n_rows


def _write_json_lines(path: Path, blocks: Iterable[pd.DataFrame]) -> int:
    n_rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for block in blocks:
            block.reset_index().to_json(file, orient="records", lines=True, force_ascii=False, double_precision=6)
            n_rows += len(block)
    return n_rows


def _write_parquet(path: Path, blocks: Iterable[pd.DataFrame]) -> int:
    n_rows, writer, schema = 0, None, None
    try:
        for block in blocks:
            block.attrs = {}
            schema = schema or _schema(block)
            writer = writer or pq.ParquetWriter(path, schema)
            writer.write_table(pa.Table.from_pandas(block, schema))
            n_rows += len(block)
    finally:
        if writer is not None:
            writer.close()
    return n_rows


def _schema(block: pd.DataFrame) -> pa.Schema:
    """Return the types of a table's columns; those of lists, which may all be empty in one block, by their names."""
    schema = pa.Schema.from_pandas(block)
    for name in list_columns(block):
        values = pa.float64() if name in NUMBER_LISTS else pa.string()
        schema = schema.set(schema.get_field_index(name), pa.field(name, pa.list_(values)))
    return schema


def _disarm(block: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before text that begins as formulas do, as OWASP advises against CSV injection."""
    block = block.rename(index=_as_text)
    return block.assign(**{name: block[name].map(_as_text) for name in block.select_dtypes(["object", "str"])})


def _as_text(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def write_sorted(path: Path, table: pd.DataFrame, column: str) -> None:
    """Write one table for `merge_sorted`, sorted by a column of numbers."""
    with atomic_write(path) as unfinished:
        table.sort_values(column, kind="stable").to_parquet(unfinished, row_group_size=ROWS)


def merge_sorted(paths: list[Path], column: str) -> Iterator[pd.DataFrame]:
    """Yield all rows of tables that `write_sorted` wrote, in the order of the column, in blocks.

    Equal rows stay in the order of `paths`. A few rows of each table are in memory. Of many tables, the first are
    merged into one, beside them, until few are left.
    """
    paths = list(paths)
    while len(paths) > FILES:
        merged = paths[0].with_name(f"{paths[0].stem}-merged.parquet")
        write_table(merged, merge_sorted(paths[:FILES], column))
        paths[:FILES] = [merged]
    if not paths:
        return
    empty = read_frame(paths[0]).iloc[:0].reset_index()
    number = empty.columns.get_loc(column)
    rows_in_order = heapq.merge(*map(_rows, paths), key=itemgetter(number))
    while rows := list(islice(rows_in_order, ROWS)):
        block = pd.DataFrame(rows, columns=empty.columns).astype(empty.dtypes.to_dict())
        yield block.set_index(empty.columns[0])


def _rows(path: Path) -> Iterator[tuple]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=ROWS, use_threads=False):
            yield from pa.Table.from_batches([batch]).to_pandas().reset_index().itertuples(index=False, name=None)

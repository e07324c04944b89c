"""Read the first sheet of an Excel file (.xlsx) as text: empty cells become "", whole numbers have no decimal point."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from latefusion.catalogue.cells import cell_text
from latefusion.catalogue.columns import Wanted, select_columns
from latefusion.utils.errors import InputError, list_problems, reported_as

logger = logging.getLogger(__name__)

Rows = dict[int, list]  # the cells of a sheet's rows that are not empty, by the number that Excel shows


def read_excel(path: Path, wanted: Wanted = None, *, others: bool = False) -> pd.DataFrame:
    """Return the wanted columns, by default all with a name, as text, indexed by location ("products.xlsx, row 12").

    The header is the first row that is not empty. `others`: return the other columns too. Raises InputError for a
    damaged file, and for wanted cells with an error or with a formula whose value is not saved.
    """
    sheet, rows = _read(path, values=False)
    if any(kind == "f" for cells in rows.values() for kind, _ in cells):
        _, values = _read(path, values=True)
    else:
        values = rows
    if not rows:
        raise InputError(f"{path}: {sheet} is empty")
    (header_row, header), *body = rows.items()
    names = [cell_text(cell).strip() for _, cell in header]
    found = [name for name in names if name]
    chosen = select_columns(path, found, wanted)
    places = {name: names.index(name) for name in found}
    if not body:
        raise InputError(f"{path}: {sheet} has a header, row {header_row}, but no rows")
    _refuse_errors(path, values, body, [places[name] for name in chosen])
    if others:
        chosen += [name for name in places if name not in chosen and found.count(name) == 1]
    logger.info("%s: %s, %d rows", path.name, sheet, len(body))
    table = {name: [cell_text(_cell(values.get(row, []), places[name])[1]) for row, _ in body] for name in chosen}
    locations = pd.Index([f"{path.name}, row {row}" for row, _ in body], dtype="str")
    return pd.DataFrame(table, index=locations, dtype="str")


@dataclass(frozen=True)
class ExcelTable:
    """The rows of an Excel file, which is read whole: it has at most 1,048,576."""

    rows: pd.DataFrame

    def blocks(self, size: int) -> Iterator[pd.DataFrame]:
        """Yield the rows in blocks of `size`."""
        for start in range(0, len(self.rows), size):
            yield self.rows.iloc[start : start + size]


def open_excel(path: Path, wanted: Wanted = None) -> ExcelTable:
    """Read the wanted columns; the arguments and errors are those of `read_excel`."""
    return ExcelTable(read_excel(path, wanted))


def _read(path: Path, *, values: bool) -> tuple[str, Rows]:
    """Return the first sheet as a phrase, and its rows of (type, value); formulas, or with `values` their results."""
    from openpyxl import load_workbook  # here: most catalogues do without, and it takes a fifth of a second

    with reported_as(f"{path}: not an Excel file (.xlsx), or a damaged one; save it again"), _own_warnings_ignored():
        workbook = load_workbook(path, read_only=True, data_only=values)
        try:
            sheet = workbook.worksheets[0]
            sheet.reset_dimensions()  # programs write wrong ones
            rows = {
                number: [(cell.data_type, cell.value) for cell in cells]
                for number, cells in enumerate(sheet.iter_rows(), start=1)
                if any(cell.value is not None for cell in cells)
            }
            more = f" (the first of {len(workbook.worksheets)})" if len(workbook.worksheets) > 1 else ""
            return f"sheet '{sheet.title}'{more}", rows
        finally:
            workbook.close()


@contextmanager
def _own_warnings_ignored() -> Iterator[None]:
    """Ignore openpyxl's warnings about styles and forms that it does not keep: only the cells are read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")
        yield


def _refuse_errors(path: Path, values: Rows, body: list[tuple[int, list]], places: list[int]) -> None:
    from openpyxl.utils import get_column_letter

    problems = []
    for row, cells in body:
        for place in places:
            kind, value = _cell(values.get(row, []), place)
            if kind == "e":
                what = f"the error {value}"
            elif value is None and _cell(cells, place)[0] == "f":
                what = "a formula without a saved value"
            else:
                continue
            problems.append(f"{path.name}, row {row}: cell {get_column_letter(place + 1)}{row} holds {what}")
    if problems:
        advice = "Correct the cells, or save the file in Excel or LibreOffice, which computes formulas."
        raise list_problems(f"{path}: cells without a value:", problems, advice)


def _cell(cells: list, place: int) -> tuple[str, object]:
    """Return the type and value of a cell; rows may be shorter than the header."""
    return cells[place] if place < len(cells) else ("n", None)

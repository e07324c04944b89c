"""Turn cells of typed tables (Parquet, Excel, JSON) into text."""

from datetime import datetime, time
from decimal import Decimal

# Before each text of a list: a code point that Unicode gives to programs for their own use, never to text.
LIST_MARK = "\ufdd0"


def cell_text(cell: object) -> str:
    """Return a cell as text, a list with a mark before each text.

    1.0 becomes "1", because a column of integers with a null is stored as floats.
    """
    if isinstance(cell, list):
        return "".join(LIST_MARK + text for text in map(cell_text, cell) if text)
    if cell is None or cell != cell:  # NaN
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, Decimal):
        digits = format(cell, "f")  # all digits; arithmetic would round to 28
        whole, _, fraction = digits.partition(".")
        return digits if fraction.strip("0") else whole
    if isinstance(cell, datetime) and cell.time() == time():
        return str(cell.date())  # a date, which Excel stores as a time at midnight
    return str(cell)


def is_flat(cell: object) -> bool:
    """Return whether a cell of JSON is a list of texts and numbers."""
    return isinstance(cell, list) and not any(isinstance(one, list | dict) for one in cell)

"""Turn cells of typed tables (Parquet, Excel, JSON) into text."""

from datetime import datetime, time
from decimal import Decimal


def cell_text(cell: object) -> str:
    """Return a cell as text; 1.0 becomes "1", because a column of integers with a null is stored as floats."""
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

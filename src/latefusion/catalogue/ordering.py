"""The order of a catalogue in time: dates as numbers, and whether the rows or the ids are in their order.

Products to be predicted are often newer than those with a label. A random test split then promises too much.
"""

import numpy as np
import pandas as pd

NEARLY_ALL = 0.9  # share of the cells that are dates in a column of dates
ORDERED = 0.95  # rank correlation, above which two columns have the same order
ENOUGH = 10  # dates, to speak of an order
_TIME = r"(?:[T ](?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?.*)?"
_YEAR_FIRST = rf"\s*(?P<year>(?:19|20)\d{{2}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}}){_TIME}\s*"
_YEAR_LAST = rf"\s*(?P<day>\d{{1,2}})[-/.](?P<month>\d{{1,2}})[-/.](?P<year>(?:19|20)\d{{2}}){_TIME}\s*"
UNITS = ("year", "month", "day", "hour", "minute", "second")


def describe_dates(others: pd.DataFrame) -> list[str]:
    """Return a line for each column of dates (index: id): whether rows and ids are in its order."""
    lines = []
    for name in others:
        dates = read_dates(others[name])
        if dates is None:
            continue
        ids = pd.to_numeric(dates.index.to_series(), errors="coerce").to_numpy()
        orders = {"rows": np.arange(len(dates)), "ids": ids}
        found = [what for what, order in orders.items() if _has_order(order, dates.to_numpy())]
        if found:
            by = "order" if found == ["rows"] and _grows(dates) else f"time, with catalogue.columns.time: {name}"
            split = f"if new products differ from old ones, hold out the newest: split.by: {by}"
            lines.append(f"the {' and '.join(found)} are in the order of the dates in '{name}': {split}")
        else:
            lines.append(f"the column '{name}' holds dates; neither the rows nor the ids are in their order")
    return lines


def read_dates(cells: pd.Series) -> pd.Series | None:
    """Return the dates of a column as numbers that grow with time, without empty cells; None if it holds no dates.

    Read are 2026-01-31 and 31.01.2026 with `-`, `/` or `.`, with or without a time, and 01/31/2026 where it must be so.
    """
    cells = cells[cells.str.strip() != ""]
    if len(cells) < ENOUGH:
        return None
    for form in (_YEAR_FIRST, _YEAR_LAST):
        if not cells.iloc[:ENOUGH].str.fullmatch(form).any():  # most columns hold no dates: look at few of their cells
            continue
        seconds = _read_form(cells, form)
        if seconds is not None and len(seconds) >= max(ENOUGH, NEARLY_ALL * len(cells)):
            return seconds
    return None


def read_times(cells: pd.Series) -> pd.Series:
    """Return the (N,) cells of a column as numbers that grow with time; NaN where a cell is empty or cannot be read.

    Read are numbers, dates in ISO 8601 with or without a time zone (without: UTC), and the forms of `read_dates`. All
    cells are read in the one of these ways that reads most of them.
    """
    numbers = pd.to_numeric(cells, errors="coerce").astype(np.float64)
    iso = pd.to_datetime(cells.str.strip(), format="ISO8601", utc=True, errors="coerce")
    seconds = (iso - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    ways = [numbers.where(np.isfinite(numbers)), seconds]
    for form in (_YEAR_FIRST, _YEAR_LAST):
        read = _read_form(cells, form)
        ways.append(pd.Series(np.nan, cells.index) if read is None else read.astype(np.float64).reindex(cells.index))
    return max(ways, key=lambda way: way.notna().sum())  # on ties the first


def _read_form(cells: pd.Series, form: str) -> pd.Series | None:
    """Return the cells that have a form, as seconds of a calendar of equal months; None if they are no dates."""
    units = cells.str.extract(f"^{form}$").dropna(subset=["year"])[list(UNITS)].fillna("0").astype(int)
    if (units["month"] > 12).any():
        units = units.rename(columns={"month": "day", "day": "month"})[list(UNITS)]
    if not (units["month"].between(1, 12).all() and units["day"].between(1, 31).all()):
        return None
    return units.mul([12 * 31 * 86_400, 31 * 86_400, 86_400, 3600, 60, 1]).sum(axis=1)


def _grows(dates: pd.Series) -> bool:
    return bool(dates.iloc[-1] >= dates.iloc[0])


def _has_order(order: np.ndarray, dates: np.ndarray) -> bool:
    """Return whether rows in this order have growing or falling dates."""
    if np.isnan(order).any() or len(np.unique(order)) < 2 or len(np.unique(dates)) < 2:
        return False
    ranks = pd.DataFrame({"order": order, "dates": dates}).rank()
    return bool(abs(ranks["order"].corr(ranks["dates"])) >= ORDERED)

"""Find the separator of a text table: the one that gives the first rows as many cells as the header.

Cells are counted by what later reads the table, so what is found can be read. csv.Sniffer looks at characters alone,
and does not prefer the separator of the file's suffix.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice

from latefusion.catalogue.quoting import Record
from latefusion.utils.errors import InputError

SEPARATORS = (",", ";", "\t", "|")
ENOUGH = 0.5  # share of the first rows that must have as many cells as the header, for another separator than usual
SAMPLE = 200  # rows
_NAMED = re.compile(r"sep=([,;\t|])[\r\n]*", re.IGNORECASE)  # a first line that Excel writes and reads


def named_delimiter(first_line: str) -> str | None:
    """Return the separator that a first line `sep=;` names; None if it is not such a line."""
    named = _NAMED.fullmatch(first_line)
    return None if named is None else named[1]


def find_delimiter(split: Callable[[str], Iterator[Record]], usual: str) -> str:
    """Return the separator of a table, whose rows `split(separator)` yields; `usual` is that of the file's suffix.

    The usual separator is preferred to others that do as well: a table that can be read with it is read with it.
    """
    shares = {delimiter: _share(split(delimiter)) for delimiter in (usual, *SEPARATORS)}
    best = max(shares, key=lambda delimiter: shares[delimiter])  # of equal ones the first
    return best if shares[best] >= ENOUGH else usual


def show_delimiter(delimiter: str) -> str:
    """Return a separator for a message."""
    return "tab" if delimiter == "\t" else f"'{delimiter}'"


def _share(records: Iterator[Record]) -> float:
    """Return the share of the first rows with as many cells as the header, which must have two; a header alone: 1."""
    widths: list[int] = []
    try:
        widths.extend(len(record.cells) for record in islice(records, SAMPLE))
    except InputError:  # quotation marks that do not match; in the first row they say nothing about the separator
        widths += [0] * (len(widths) > 1)
    if not widths or widths[0] < 2:
        return 0
    rows = widths[1:] or widths
    return sum(width == widths[0] for width in rows) / len(rows)

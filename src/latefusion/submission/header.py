"""Check the header of a submission, which must match exactly; errors say how it differs."""

import re
from pathlib import Path

from latefusion.catalogue.columns import nearest_column
from latefusion.submission.formats import CHALLENGES, PREDICTIONS, SEVERAL_LABELS, SubmissionFormat
from latefusion.utils.errors import InputError, list_problems

SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars", " ": "spaces"}
FORMATS = (*CHALLENGES.values(), *PREDICTIONS, *SEVERAL_LABELS)


def check_header(path: Path, line: str, expected: SubmissionFormat) -> None:
    """Raise InputError unless `line` is exactly the header of the expected format."""
    if line == expected.header_line:
        return
    location, wanted = f"{path.name}, line 1", f"write exactly {expected.header_line!r}"
    if other := next((other for other in FORMATS if line == other.header_line), None):
        formats = f"{other.title} format instead of the {expected.title} format"
        raise InputError(f"{location}: the header is that of the {formats}; {wanted}")
    if re.fullmatch(r"[0-9.,;|\s]+", line):
        raise InputError(f"{location}: a row instead of the header; {wanted}")
    if found := _other_separator(line, expected):
        separators = f"{SEPARATORS[found]}, not by {SEPARATORS[expected.delimiter]}"
        raise InputError(f"{location}: the cells are separated by {separators}; {wanted}")
    cells = line.split(expected.delimiter)
    if problems := _wrong_columns(cells, expected.header):
        raise list_problems(f"{location}: the header has the wrong columns:", problems, f"Please {wanted}.")
    order = ", ".join(cell or "(empty)" for cell in cells)
    raise InputError(f"{location}: the header's columns are in another order: {order}; {wanted}")


def _other_separator(line: str, expected: SubmissionFormat) -> str | None:
    """Return the separator that splits a line into column names, if the right separator does not occur in it."""
    names = {name.lower() for name in expected.header if name}
    for separator in SEPARATORS:
        if expected.delimiter not in line and separator in line and names & set(line.lower().split(separator)):
            return separator
    return None


def _wrong_columns(found: list[str], wanted: list[str]) -> list[str]:
    """Return one line per missing, unknown or repeated column."""
    missing = [name for name in wanted if name not in found]
    problems = [f"no column '{name}'" if name else "no empty first cell (the ids have no name)" for name in missing]
    for name in dict.fromkeys(found):
        if not name and name not in wanted:
            problems.append("a column without a name (an index?)")
        elif name not in wanted:
            problems.append(f"unknown column '{name}'{nearest_column(name, missing)}")
        elif found.count(name) > 1:
            problems.append(f"column '{name}' occurs {found.count(name)} times")
    return problems

"""Whether one file is what was asked for: first as text, then its header, its cells, and its rows against the products.

The first kind of fault found is reported, with every line that has it; the checks after it could not be trusted.
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from latefusion.catalogue.checks import is_blank, refuse
from latefusion.catalogue.delimited import read_delimited
from latefusion.submission.forms import PREDICTIONS, Challenge
from latefusion.submission.header import SEPARATORS, check_header
from latefusion.submission.rows import check_ids, check_keys, check_labels, check_whole_numbers
from latefusion.submission.text import read_lines
from latefusion.utils.errors import InputError, list_problems


def validate_challenge(
    path: Path, challenge: Challenge, test_file: Path, known_codes: Iterable[str] | None = None
) -> pd.DataFrame:
    """Return the rows of a submission (index: location), or raise InputError unless the challenge would accept it.

    The challenge knows the codes of its training products; without `known_codes` any whole number passes.
    """
    header, *lines = read_lines(path)
    check_header(path, header, challenge)
    rows = _split_cells(path, lines, challenge)
    check_whole_numbers(rows)
    rows = rows.rename(columns=challenge.columns)
    expected = challenge.read_products(test_file)
    check_ids(path, rows, expected, source=test_file.name)
    if "image_id" in rows:
        check_keys(rows, expected)
    if known_codes is not None:
        check_labels(rows, known_codes, "Codes")
    return rows


def validate_predictions(path: Path, ids: pd.Index, known_labels: Iterable[str] | None = None) -> pd.DataFrame:
    """Return the rows of a `predictions.tsv` (index: location), or raise InputError unless it holds exactly these ids.

    Ids and labels may be any text; cells that need it are quoted, and a quoted cell may span lines.
    """
    check_header(path, read_lines(path, quoted=True)[0], PREDICTIONS)
    # ids are compared with those asked for, so no row can vanish into a cell that spans lines
    rows = read_delimited(path, PREDICTIONS.delimiter, PREDICTIONS.header, quoted=True)
    source = "the catalogue's test part"
    check_ids(path, rows, pd.DataFrame({"id": ids}, index=[source] * len(ids), dtype="str"), source=source)
    refuse("id " + rows["id"][is_blank(rows["label"])], "Predictions without a label:", "Every product needs one.")
    odd = rows[~pd.to_numeric(rows["confidence"], errors="coerce").between(0, 1)]
    problems = "id " + odd["id"] + " has '" + odd["confidence"] + "'"
    refuse(problems, "Confidences that are not numbers within 0 and 1:", "They are probabilities.")
    if known_labels is not None:
        check_labels(rows, known_labels, "Labels")
    return rows


def _split_cells(path: Path, lines: list[str], challenge: Challenge) -> pd.DataFrame:
    if not lines:
        raise InputError(f"{path.name}, line 1: no row follows the header; every product of the test file needs one")
    cells = {number: line.split(challenge.delimiter) for number, line in enumerate(lines, start=2)}
    width = len(challenge.columns)
    problems = [
        f"{path.name}, line {n}: {len(row)} instead of {width}" for n, row in cells.items() if len(row) != width
    ]
    if problems:
        advice = f"Cells are separated by {SEPARATORS[challenge.delimiter]}, and no cell holds one."
        raise list_problems("Lines with another number of cells:", problems, advice)
    places = pd.Index([f"{path.name}, line {number}" for number in cells], dtype="str")
    return pd.DataFrame(list(cells.values()), columns=challenge.header, index=places, dtype="str")

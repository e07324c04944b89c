"""Validate one submission: its text, then its header, its cells, and its rows against the products to predict.

Only the first kind of fault is reported, with every line that has it: later checks would not be reliable.
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from latefusion.catalogue.checks import is_blank, refuse
from latefusion.catalogue.delimited import read_delimited
from latefusion.submission.formats import PREDICTIONS, Challenge
from latefusion.submission.header import SEPARATORS, check_header
from latefusion.submission.rows import check_ids, check_keys, check_labels, check_whole_numbers
from latefusion.submission.text import read_lines
from latefusion.utils.errors import InputError, list_problems


def validate_challenge(
    path: Path, challenge: Challenge, test_file: Path, known_codes: Iterable[str] | None = None
) -> pd.DataFrame:
    """Return the rows of a submission (index: location); raises InputError if the challenge would reject the file.

    `known_codes`: the codes of the training products; without them any whole number is accepted.
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
    """Return the rows of a `predictions.tsv` (index: location); raises InputError unless it has exactly these ids.

    Ids and labels may be any text. Cells may be quoted, and a quoted cell may contain line breaks.
    """
    check_header(path, read_lines(path, quoted=True)[0], PREDICTIONS)
    # A quotation mark may swallow rows into one cell. That is found below: their ids are missing.
    rows = read_delimited(path, PREDICTIONS.delimiter, PREDICTIONS.header, quoted=True)
    source = "the catalogue's test split"
    check_ids(path, rows, pd.DataFrame({"id": ids}, index=[source] * len(ids), dtype="str"), source=source)
    refuse("id " + rows["id"][is_blank(rows["label"])], "Predictions without a label:", "Every product needs one.")
    odd = rows[~pd.to_numeric(rows["confidence"], errors="coerce").between(0, 1)]
    problems = "id " + odd["id"] + " has '" + odd["confidence"] + "'"
    refuse(problems, "Confidences that are not numbers from 0 to 1:", "They are probabilities.")
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
        advice = f"Cells are separated by {SEPARATORS[challenge.delimiter]}, and no cell contains one."
        raise list_problems("Lines with the wrong number of cells:", problems, advice)
    locations = pd.Index([f"{path.name}, line {number}" for number in cells], dtype="str")
    return pd.DataFrame(list(cells.values()), columns=challenge.header, index=locations, dtype="str")

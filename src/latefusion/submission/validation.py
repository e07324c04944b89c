"""Validate one submission: its text, then its header, its cells, and its rows against the products to predict.

Only the first kind of fault is reported, with every line that has it: later checks would not be reliable.
"""

from collections.abc import Iterable
from itertools import combinations, pairwise
from pathlib import Path

import pandas as pd

from latefusion.catalogue.checks import is_blank, refuse
from latefusion.catalogue.delimited import read_delimited
from latefusion.submission.formats import HELD_OUT, NEW, Challenge, SubmissionFormat, predictions_format
from latefusion.submission.header import SEPARATORS, check_header
from latefusion.submission.rows import check_ids, check_keys, check_labels, check_whole_numbers
from latefusion.submission.several_labels import check_several_labels
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


def validate_predictions(
    path: Path, ids: pd.Index, known_labels: Iterable[str] | None = None, *, separator: str | None = None
) -> pd.DataFrame:
    """Return the rows of a `predictions.tsv` (index: location); raises InputError unless it has exactly these ids.

    Ids and labels may be any text. Cells may be quoted, and a quoted cell may contain line breaks. The columns after
    the confidence may be missing. `separator`: of several labels, None of one.
    """
    header = read_lines(path, quoted=True)[0]
    expected = predictions_format(header.split("\t"), several=separator is not None)
    check_header(path, header, expected)
    # A quotation mark may swallow rows into one cell. That is found below: their ids are missing.
    rows = read_delimited(path, expected.delimiter, expected.header, quoted=True)
    source = "the catalogue's test split"
    check_ids(path, rows, pd.DataFrame({"id": ids}, index=[source] * len(ids), dtype="str"), source=source)
    if separator is None:
        _check_ranks(rows, expected, known_labels)
    else:
        check_several_labels(rows, separator, known_labels)
    if "split" in rows:
        odd = rows[~rows["split"].isin([HELD_OUT, NEW])]
        problems = "id " + odd["id"] + " has '" + odd["split"] + "'"
        refuse(problems, "Unknown splits:", f"Write {HELD_OUT} for a product with a label, {NEW} for one without.")
    return rows


def _check_ranks(rows: pd.DataFrame, expected: SubmissionFormat, known_labels: Iterable[str] | None) -> None:
    """Raise InputError on wrong labels or confidences, or if the classes of a product are not in their order."""
    suffixes = [name.removeprefix("label") for name in expected.header if name.startswith("label")]
    for suffix in suffixes:
        labels, confidences = rows[f"label{suffix}"], rows[f"confidence{suffix}"]
        named = f" ({labels.name})" if suffix else ""
        blank = rows["id"][is_blank(labels)]
        refuse("id " + blank, f"Predictions without a label{named}:", "Every product needs one.")
        odd = ~pd.to_numeric(confidences, errors="coerce").between(0, 1)
        problems = "id " + rows["id"] + " has '" + confidences + "'"
        refuse(problems[odd], f"Confidences that are not numbers from 0 to 1{named}:", "They are probabilities.")
        if known_labels is not None:
            check_labels(rows.assign(label=labels), known_labels, f"Labels{named}")
    for higher, lower in pairwise(suffixes):
        rising = pd.to_numeric(rows[f"confidence{lower}"]) > pd.to_numeric(rows[f"confidence{higher}"])
        problems = "id " + rows["id"] + f" has a higher confidence{lower} than confidence{higher}"
        refuse(problems[rising], "Classes in the wrong order:", "The most probable class is the first.")
    for one, other in combinations(suffixes, 2):
        same = rows["id"][rows[f"label{one}"] == rows[f"label{other}"]]
        refuse("id " + same, f"Products with the same label{one} and label{other}:", "Each class is named once.")


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

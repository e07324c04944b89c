"""Check the labels and confidences of a `predictions.tsv` of products with several labels.

`label` and `next_labels` are lists: the assigned labels, the most probable first, and the classes that follow them.
"""

from collections.abc import Iterable

import pandas as pd

from latefusion.catalogue.checks import refuse
from latefusion.submission.rows import check_labels

ROUNDING = 1.5e-6  # between `confidence` and the first of `confidences`, which have six decimals
LISTS = {"label": "confidences", "next_labels": "next_confidences"}  # labels -> their confidences


def check_several_labels(rows: pd.DataFrame, separator: str, known_labels: Iterable[str] | None) -> None:
    """Raise InputError on wrong labels or confidences, repeated labels, and lists that do not fit or are in disorder.

    `rows` (index: location) are texts, as read. Without `confidences`, only `label` and `confidence` are checked.
    """
    known = None if known_labels is None else list(known_labels)
    first = _numbers(rows, rows["confidence"], "confidence", separator)
    refuse("id " + rows["id"][rows["label"] == ""], "Predictions without a label:", "Every product needs one.")
    names = {column: numbers for column, numbers in LISTS.items() if column in rows}
    labels = {column: _split(rows[column], separator) for column in names}
    for column, numbers in names.items():
        _check_names(rows, labels[column], column, separator, known)
        if numbers in rows:
            _check_confidences(rows, labels[column], column, numbers, separator)
    if "confidences" in rows:
        confidences = _numbers(rows, _split(rows["confidences"], separator), "confidences", separator)
        of_first = confidences.groupby(level=0, sort=False).first().reindex(rows.index)
        odd = (of_first - first).abs() > ROUNDING
        refuse("id " + rows["id"][odd], "Rows whose confidence is not the first of confidences:", "They are the same.")
    if "next_labels" in rows:
        both = pd.concat([labels["label"], labels["next_labels"]])
        _refuse_repeated(rows, both, "Labels that are assigned and in next_labels:")


def _split(cells: pd.Series, separator: str) -> pd.Series:
    """Return the entries of all cells, one per row; an empty cell has none."""
    return cells[cells != ""].str.split(separator, regex=False).explode()


def _check_names(rows: pd.DataFrame, labels: pd.Series, column: str, separator: str, known: list[str] | None) -> None:
    own = rows["id"].reindex(labels.index)
    advice = f"Several labels are separated by {separator!r}, without another one before the first or after the last."
    refuse("id " + own[(labels == "").to_numpy()], f"Empty labels in the column {column}:", advice)
    if known is not None:
        named = f"Labels ({column}, separated by {separator!r})"
        check_labels(pd.DataFrame({"id": own, "label": labels}), known, named)
    _refuse_repeated(rows, labels, f"Labels that occur twice in the column {column}:")


def _refuse_repeated(rows: pd.DataFrame, labels: pd.Series, headline: str) -> None:
    repeated = pd.DataFrame({"at": labels.index, "label": labels.to_numpy()}).duplicated().to_numpy()
    again = labels[repeated]
    refuse("id " + rows["id"].reindex(again.index) + " has '" + again + "'", headline, "Each label is named once.")


def _check_confidences(rows: pd.DataFrame, labels: pd.Series, column: str, numbers: str, separator: str) -> None:
    confidences = _split(rows[numbers], separator)
    n_labels, n_numbers = (
        one.groupby(level=0).size().reindex(rows.index, fill_value=0) for one in (labels, confidences)
    )
    counts = n_numbers.astype("str") + f" {numbers} for " + n_labels.astype("str") + f" {column}"
    problems = "id " + rows["id"] + " has " + counts
    refuse(problems[n_labels != n_numbers], "Rows with too few or too many confidences:", "Each label has one.")
    values = _numbers(rows, confidences, numbers, separator)
    rising = values.groupby(level=0, sort=False).diff() > 0
    odd = rows["id"].reindex(rising.index[rising.to_numpy()].unique())
    refuse("id " + odd, f"Confidences that rise in the column {numbers}:", "The most probable label is the first.")


def _numbers(rows: pd.DataFrame, cells: pd.Series, column: str, separator: str) -> pd.Series:
    """Return the cells as numbers. Raises InputError if any is not a probability."""
    values = pd.to_numeric(cells, errors="coerce")
    odd = cells[(~values.between(0, 1)).to_numpy()]
    problems = "id " + rows["id"].reindex(odd.index) + " has '" + odd + "'"
    advice = f"They are probabilities; several are separated by {separator!r}."
    refuse(problems, f"Confidences that are not numbers from 0 to 1 ({column}):", advice)
    return values

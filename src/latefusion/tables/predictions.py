"""Prediction tables: the decisions of a policy, the vote or the submission (index: id; columns: label, confidence)."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latefusion.metrics.decisions import FIRST, first_labels
from latefusion.metrics.thresholds import WRITTEN_DECIMALS
from latefusion.plan.records import verified
from latefusion.tables.artifacts import damaged, read_parquet
from latefusion.tables.dataset import Dataset
from latefusion.tables.probabilities import check_ids, read_split_probs, write_probs
from latefusion.utils.files import atomic_write

RANKS = 3  # classes per product in a submission
NEXT = 3  # classes per product that follow its several labels
NUMBER_LISTS = ("confidences", "next_confidences")  # columns of several labels; other lists are of labels
SEPARATORS = ("|", ";", ",", "~", "\t")  # of several labels in one cell


def write_predictions(
    run_dir: Path, split: str, ids: pd.Index, preds: np.ndarray, probs: np.ndarray, classes: list[str]
) -> None:
    """Write `<split>_probs.parquet` and `<split>_preds.parquet` from decisions and (N, C) probabilities.

    Of several labels (see `metrics.decisions`), `label` has all that are assigned, one per line, the most probable
    first, and `confidence` is that of the first.
    """
    write_probs(run_dir / f"{split}_probs.parquet", ids, probs, classes, several=preds.ndim == 2)
    own = probs[np.arange(len(preds)), first_labels(preds)]
    confidence = own.astype(np.float32).clip(0, 1)  # rounding errors, as in write_probs
    labels = np.array(classes)[preds] if preds.ndim == 1 else label_lines(preds, probs, classes)
    table = pd.DataFrame({"label": labels, "confidence": confidence}, index=ids.rename("id"))
    with atomic_write(run_dir / f"{split}_preds.parquet") as partial:
        table.to_parquet(partial)


def read_predictions(run_dir: Path, split: str, dataset: Dataset) -> pd.DataFrame:
    """Return the predictions for a split's products (index: id; `label`, `confidence`), in the catalogue's order.

    Raises InputError if the file is missing or damaged, or its products or classes are not those of the catalogue.
    """
    path = verified(run_dir, f"{split}_preds.parquet")
    table = read_parquet(path, ("label", "confidence"))
    check_ids(path, table.index, dataset.evaluation_splits[split].index)
    labels = table["label"].str.split("\n").explode() if dataset.several else table["label"]
    unknown = labels.index[~labels.isin(dataset.classes)]
    if len(unknown):
        raise damaged(path, f"id {unknown[0]} has the unknown label {table.loc[unknown[0], 'label']!r}")
    wrong = table.index[~table["confidence"].between(0, 1)]
    if len(wrong):
        raise damaged(path, f"id {wrong[0]} has the confidence {table.loc[wrong[0], 'confidence']}, outside 0 to 1")
    return table.loc[dataset.evaluation_splits[split].index]


def read_preds(run_dir: Path, split: str, dataset: Dataset) -> np.ndarray:
    """Return the decisions (see `metrics.decisions`) for a split's products, in the catalogue's order."""
    table = read_predictions(run_dir, split, dataset)
    preds = dataset.targets(table)
    if dataset.several:
        first = pd.Index(dataset.classes).get_indexer(table["label"].str.partition("\n")[0])
        preds[np.arange(len(preds)), first] = FIRST
    return preds


def label_lines(preds: np.ndarray, probs: np.ndarray, classes: list[str]) -> list[str]:
    """Return the labels of (N, C) decisions, one per line, the first one first, then the most probable."""
    return ["\n".join(own) for own in several_columns(preds, probs, classes)["label"]]


def decision_columns(preds: np.ndarray, probs: np.ndarray, classes: list[str]) -> dict[str, Any]:
    """Return the columns of predictions: `label`, `confidence`, and the next classes.

    Of one label those of `next_classes`, of several those of `several_columns`.
    """
    if preds.ndim == 2:
        return several_columns(preds, probs, classes)
    labels, own = np.array(classes, dtype=object)[preds], probs[np.arange(len(preds)), preds]
    return {"label": labels, "confidence": own} | next_classes(preds, probs, classes)


def label_cells(preds: np.ndarray, probs: np.ndarray, classes: list[str], kept: np.ndarray) -> Any:
    """Return a column of the labels of decisions, texts or lists; empty where the (N,) mask `kept` is not set."""
    if preds.ndim == 1:
        return np.where(kept, np.array(classes, dtype=object)[preds], "")
    assigned = _assigned(np.where(kept[:, None], preds, 0), probs)
    return _lists(assigned, np.array(classes, dtype=object)[assigned[1]], len(preds))


def several_columns(preds: np.ndarray, probs: np.ndarray, classes: list[str]) -> dict[str, Any]:
    """Return the columns of predictions of several labels, from (N, C) decisions and probabilities.

    `label`: lists of the assigned labels, the first one first, then the most probable; `confidence`: (N,), of
    the first; `confidences`: lists of those of all assigned; `next_labels`, `next_confidences`: lists of the NEXT most
    probable of the other classes. On ties in the order of the classes. `joined` makes texts of the lists.
    """
    assigned, following = _assigned(preds, probs), _following(preds, probs)
    names = np.array(classes, dtype=object)
    return {
        "label": _lists(assigned, names[assigned[1]], len(preds)),
        "confidence": probs[np.arange(len(preds)), first_labels(preds)],
        "confidences": _lists(assigned, probs[assigned], len(preds)),
        "next_labels": _lists(following, names[following[1]], len(preds)),
        "next_confidences": _lists(following, probs[following], len(preds)),
    }


def joined(table: pd.DataFrame, separator: str) -> pd.DataFrame:
    """Return a table with its lists as texts, numbers with six decimals; `separator` as of `separator_of`."""

    def text(cell: list | np.ndarray) -> str:
        return separator.join(one if isinstance(one, str) else f"{one:.{WRITTEN_DECIMALS}f}" for one in cell)

    return table.assign(**{name: table[name].map(text).astype("str") for name in list_columns(table)})


def list_columns(table: pd.DataFrame) -> list[str]:
    """Return the names of the columns with lists."""

    def has_lists(column: pd.Series) -> bool:
        return column.dtype == object and column.map(lambda cell: isinstance(cell, list | np.ndarray)).all()

    return [name for name in table if has_lists(table[name])]


def _assigned(preds: np.ndarray, probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of all assigned labels, row after row: the first one first, then the most probable."""
    rows, columns = np.nonzero(preds > 0)
    order = np.lexsort((-probs[rows, columns], preds[rows, columns] != FIRST, rows))  # stable
    return rows[order], columns[order]


def _following(preds: np.ndarray, probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns of the NEXT most probable labels of each row that are not assigned."""
    others, rows = np.where(preds > 0, -1, probs), np.arange(len(preds))
    found = np.full((len(preds), min(NEXT, probs.shape[1])), -1)
    for rank in range(found.shape[1]):
        highest = others.argmax(axis=1)
        found[:, rank] = np.where(others[rows, highest] >= 0, highest, -1)
        others[rows, highest] = -1
    kept = np.nonzero(found >= 0)
    return kept[0], found[kept]


def _lists(cells: tuple[np.ndarray, np.ndarray], values: np.ndarray, n: int) -> np.ndarray:
    """Return (n,) lists: the values of each row."""
    bounds = np.searchsorted(cells[0], np.arange(n + 1))
    return np.fromiter((values[start:stop].tolist() for start, stop in pairwise(bounds)), dtype=object, count=n)


def read_ranked_predictions(run_dir: Path, split: str, dataset: Dataset, separator: str | None = None) -> pd.DataFrame:
    """Return the predictions of a split with the next classes: `label_2`, `confidence_2`, `label_3`, `confidence_3`.

    The first label is the decision; the next are the other classes in the order of their probabilities, on ties in the
    order of the classes. With two classes there is no third. Of several labels, which `separator` joins, the columns
    are those of `several_columns`.
    """
    table = read_predictions(run_dir, split, dataset)
    probs = read_split_probs(run_dir, split, dataset)
    if separator is not None:
        columns = several_columns(read_preds(run_dir, split, dataset), probs, dataset.classes)
        return joined(pd.DataFrame(columns, index=table.index), separator)
    return table.assign(**next_classes(dataset.targets(table), probs, dataset.classes))


def separator_of(classes: list[str], configured: str | None) -> str:
    """Return what separates several labels or confidences in one written cell.

    As configured, unless a cell could not be split again: if a class contains it or, joined with it, does so earlier
    ("a|" and "||"), or if it has characters of numbers.
    """
    candidates = SEPARATORS if configured is None else (configured, *SEPARATORS)
    return next((one for one in candidates if _splits(one, classes)), "\n")


def _splits(separator: str, classes: list[str]) -> bool:
    """Return whether cells of classes, or of numbers, that are joined by a separator can be split at it again."""
    ends = all((name + separator).find(separator) == len(name) for name in classes)
    return ends and not set(separator) & set("0123456789.")


def next_classes(preds: np.ndarray, probs: np.ndarray, classes: list[str]) -> dict[str, np.ndarray]:
    """Return the columns of the next classes, from (N,) decisions and (N, C) probabilities."""
    rows, others, columns = np.arange(len(preds)), probs.copy(), {}
    others[rows, preds] = -1  # the decision has its own columns
    for rank in range(2, min(RANKS, len(classes)) + 1):
        following = others.argmax(axis=1)
        columns[f"label_{rank}"] = np.array(classes)[following]
        columns[f"confidence_{rank}"] = others[rows, following]
        others[rows, following] = -1
    return columns

"""The products that the submitted method decides wrongly, with what each expert says of them."""

import numpy as np
import pandas as pd

from latefusion.dataset.cleaning import clean
from latefusion.metrics.decisions import FIRST, first_labels, is_known
from latefusion.scores.results import Method, Results

MOST = 1500  # products of the list; the most confident mistakes come first
TITLE, TEXT = 160, 240  # characters
READ = 2000  # characters of a description, of which the start is shown after cleaning
DIGITS = 4  # of confidences


def describe_mistakes(results: Results, method: Method, confidence: np.ndarray) -> tuple[list[dict], int]:
    """Return the products of `final_split` that a method decides wrongly, and how many there are in all.

    `confidence` (N,): of its decisions. The most confident mistakes come first, at most `MOST`. Of several labels, a
    product counts if its labels are not exactly those that are assigned. Each product has: id, title, text (the start
    of the description), label (class numbers), decided and confidence, and `experts`: decided and confidence of each
    of `results.experts`.
    """
    split = results.final_split
    targets, preds = results.targets[split], results.preds(method, split)
    wrong = np.flatnonzero(is_known(targets) & not_exactly(targets, preds))
    rows = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST]
    products = results.dataset.evaluation_splits[split].iloc[rows]
    probs = results.probs(method, split)[rows]
    said = [_said(results, expert, split, rows) for expert in results.experts]
    columns = {
        "label": class_numbers(targets[rows]),
        "decided": class_numbers(preds[rows], probs),
        "confidence": confidence[rows].round(DIGITS).tolist(),
        "experts": [list(one) for one in zip(*said, strict=True)] if said else [[] for _ in rows],
    }
    return with_texts(products, columns), len(wrong)


def _said(results: Results, expert: Method, split: str, rows: np.ndarray) -> list[list]:
    """Return for each of these products what an expert decides: the class numbers, and the confidence of the first."""
    probs, preds = results.probs(expert, split)[rows], results.preds(expert, split)[rows]
    own = probs[np.arange(len(rows)), first_labels(preds)].astype(float).round(DIGITS).tolist()
    return [list(one) for one in zip(class_numbers(preds, probs), own, strict=True)]


def with_texts(products: pd.DataFrame, columns: dict[str, list]) -> list[dict]:
    """Return a mapping per product: id, title, text (the start of the description, cleaned), and each column's value.

    Titles are as they are in the catalogue, so that what is wrong with them can be seen.
    """
    texts = {
        "id": list(products.index),
        "title": [shorten(title, TITLE) for title in products["title"]],
        "text": ["" if pd.isna(text) else shorten(clean(text[:READ]), TEXT) for text in products["description"]],
    }
    columns = texts | columns
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def shorten(text: str, most: int) -> str:
    """Return a text as one line of at most `most` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def not_exactly(targets: np.ndarray, preds: np.ndarray) -> np.ndarray:
    """Return (N,) bools: whether the decisions are not exactly the labels."""
    return targets != preds if targets.ndim == 1 else ((targets > 0) != (preds > 0)).any(axis=1)


def class_numbers(labels: np.ndarray, probs: np.ndarray | None = None) -> list[list[int]]:
    """Return the class numbers of each product's labels or decisions (see `metrics.decisions`).

    Of several, the first decision comes first, then by (N, C) probabilities if they are given.
    """
    if labels.ndim == 1:
        return [[number] for number in labels.tolist()]
    order = np.where(labels > 0, (labels == FIRST) * 2.0 + (0 if probs is None else probs), -1)
    ranked = np.argsort(-order, axis=1, kind="stable")
    return [row[:n].tolist() for row, n in zip(ranked, (labels > 0).sum(axis=1), strict=True)]

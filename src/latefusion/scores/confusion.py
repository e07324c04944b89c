"""Confusion matrices, groups of classes that are confused with each other, and confident mistakes."""

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform

from latefusion.scores.results import Method, Results


def confusion_counts(targets: np.ndarray, preds: np.ndarray, num_classes: int) -> np.ndarray:
    """Return the (C, C) confusion matrix: labels in rows, decisions in columns. Unknown labels (-1) are skipped."""
    known = targets >= 0
    cells = targets[known] * num_classes + preds[known]
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def row_shares(counts: np.ndarray) -> np.ndarray:
    """Return (C, C): each row of the confusion matrix divided by its sum; zeros for a class without products."""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def most_confused(counts: np.ndarray, limit: int) -> np.ndarray:
    """Return the class numbers with the most errors, most first, at most `limit`.

    An error counts for its label and for its decision.
    """
    wrong = counts - np.diag(np.diag(counts))
    return np.argsort(-(wrong.sum(axis=0) + wrong.sum(axis=1)), kind="stable")[:limit]


def neighbour_order(shares: np.ndarray) -> np.ndarray:
    """Return an order (n,) of the classes in which classes that are confused with each other are side by side.

    `shares`: (n, n), `row_shares` of the n classes to order. The order is that of the leaves of an average-linkage
    clustering (Bar-Joseph et al., "Fast Optimal Leaf Ordering for Hierarchical Clustering", Bioinformatics 2001).
    """
    if len(shares) < 3:
        return np.arange(len(shares))
    return leaves_list(linkage(_distances(shares), "average", optimal_ordering=True))


def confused_groups(counts: np.ndarray, least: float, limit: int = 500) -> list[np.ndarray]:
    """Return the groups of two or more classes with a mean mutual confusion of at least `least`, largest first.

    The mutual confusion of classes a and b is the mean of two shares: the products of a that are decided as b, and the
    products of b that are decided as a. Only the `limit` classes with the most errors are grouped.
    """
    if len(counts) < 2:
        return []
    worst = np.sort(most_confused(counts, limit))
    distances = _distances(row_shares(counts)[np.ix_(worst, worst)])
    numbers = fcluster(linkage(distances, "average"), 1 - least, "distance")
    groups = [worst[numbers == number] for number in np.unique(numbers)]
    return sorted((group for group in groups if len(group) > 1), key=lambda group: -counts[group].sum())


def group_recall(counts: np.ndarray, groups: list[np.ndarray]) -> pd.DataFrame:
    """Return one row per group: its `products`, and the shares decided as the `right_class` and the `right_group`."""
    rows = []
    for group in groups:
        products, inner = counts[group].sum(), counts[np.ix_(group, group)]
        rows.append((products, np.trace(inner) / max(products, 1), inner.sum() / max(products, 1)))
    return pd.DataFrame(rows, columns=["products", "right_class", "right_group"])


def confused_pairs(counts: np.ndarray, classes: list[str]) -> pd.DataFrame:
    """Return the confused pairs of classes, most frequent first.

    Columns: `label`, `taken_for`, `n` products, and their `share` of the products with this label.
    """
    label, decided = np.nonzero(counts - np.diag(np.diag(counts)))
    names, n = np.array(classes), counts[label, decided]
    pairs = pd.DataFrame({"label": names[label], "taken_for": names[decided], "n": n})
    return pairs.assign(share=n / counts.sum(axis=1)[label]).sort_values("n", ascending=False, kind="stable")


def mistakes(results: Results, method: Method, split: str) -> pd.DataFrame:
    """Return the products (index: id) that a method decides wrongly, most confident first.

    Columns: `title`, `label`, `decided`, and `confidence`, the probability of the decided class.
    """
    targets, preds = results.targets[split], results.preds(method, split)
    wrong = np.flatnonzero((targets >= 0) & (preds != targets))
    names = np.array(results.dataset.classes)
    table = pd.DataFrame(
        {
            "title": results.dataset.evaluation_splits[split]["title"].iloc[wrong],
            "label": names[targets[wrong]],
            "decided": names[preds[wrong]],
            "confidence": results.probs(method, split)[wrong, preds[wrong]],
        }
    )
    return table.sort_values("confidence", ascending=False, kind="stable")


def _distances(shares: np.ndarray) -> np.ndarray:
    """Return the condensed distance matrix of the classes: one minus their mutual confusion."""
    distances = 1 - (shares + shares.T) / 2
    np.fill_diagonal(distances, 0)
    return squareform(distances, checks=False)

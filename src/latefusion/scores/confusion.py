"""Confusion matrices, groups of classes that are confused with each other, and confident mistakes.

Of products with several labels there is no confusion matrix: a label that is missed is not taken for another one. In
its place are the pairs of a label that is missed and a label that is wrongly assigned to the same product.
"""

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.sparse import csr_array
from scipy.spatial.distance import squareform

from latefusion.metrics.decisions import first_labels, is_known, is_right
from latefusion.scores.results import Method, Results


def confusion_counts(targets: np.ndarray, preds: np.ndarray, num_classes: int) -> np.ndarray:
    """Return the (C, C) confusion matrix: labels in rows, decisions in columns. Unknown labels (-1) are skipped.

    Of several labels, the diagonal has the products whose label is assigned, and the other cells the products that miss
    the label of the row and are wrongly assigned that of the column.
    """
    known = is_known(targets)
    if targets.ndim == 2:
        labels, assigned = targets[known] > 0, preds[known] > 0
        missed, wrong = (csr_array(matrix.astype(np.int64)) for matrix in (labels & ~assigned, assigned & ~labels))
        return (missed.T @ wrong).toarray() + np.diag((labels & assigned).sum(axis=0))
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

    Columns: `title`, `label`, `decided`, and `confidence`, the probability of the decided class. Of several labels, a
    decision is wrong if the first label is none of the product's, which are all in `label`.
    """
    targets, preds = results.targets[split], results.preds(method, split)
    wrong = np.flatnonzero(is_known(targets) & ~is_right(targets, preds))
    names, first = np.array(results.dataset.classes), first_labels(preds)[wrong]
    labels = names[targets[wrong]] if targets.ndim == 1 else [", ".join(names[row > 0]) for row in targets[wrong]]
    table = pd.DataFrame(
        {
            "title": results.dataset.evaluation_splits[split]["title"].iloc[wrong],
            "label": labels,
            "decided": names[first],
            "confidence": results.probs(method, split)[wrong, first],
        }
    )
    return table.sort_values("confidence", ascending=False, kind="stable")


def _distances(shares: np.ndarray) -> np.ndarray:
    """Return the condensed distance matrix of the classes: one minus their mutual confusion."""
    distances = 1 - (shares + shares.T) / 2
    np.fill_diagonal(distances, 0)
    return squareform(distances, checks=False)

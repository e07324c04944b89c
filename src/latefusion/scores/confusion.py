"""Which classes are taken for which, which of them form hard groups, and which mistakes were made with confidence."""

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform

from latefusion.scores.results import Method, Results


def confusion_counts(targets: np.ndarray, preds: np.ndarray, num_classes: int) -> np.ndarray:
    """Return (C, C): products of each class (rows) by the class that was decided on (columns); of known label only."""
    known = targets >= 0
    cells = targets[known] * num_classes + preds[known]
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def row_shares(counts: np.ndarray) -> np.ndarray:
    """Return (C, C): the shares of each class's products by what was decided; zeros for a class without products."""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def most_confused(counts: np.ndarray, limit: int) -> np.ndarray:
    """Return the numbers of the classes with the most errors, given or received; the most first, `limit` at most."""
    wrong = counts - np.diag(np.diag(counts))
    return np.argsort(-(wrong.sum(axis=0) + wrong.sum(axis=1)), kind="stable")[:limit]


def neighbour_order(shares: np.ndarray) -> np.ndarray:
    """Return an order of the classes in which those that are confused with each other are neighbours.

    `shares` is a square of `row_shares`. The order is that of the leaves of an average-linkage clustering (Bar-Joseph
    et al., "Fast Optimal Leaf Ordering for Hierarchical Clustering", Bioinformatics 2001).
    """
    if len(shares) < 3:
        return np.arange(len(shares))
    return leaves_list(linkage(_distances(shares), "average", optimal_ordering=True))


def confused_groups(counts: np.ndarray, least: float, limit: int = 500) -> list[np.ndarray]:
    """Return the groups of two classes or more whose mean mutual confusion is `least` or more, the largest first.

    The confusion of two classes is the share of the one's products taken for the other, both ways, averaged. The
    `limit` classes with the most errors are looked at.
    """
    if len(counts) < 2:
        return []
    worst = np.sort(most_confused(counts, limit))
    distances = _distances(row_shares(counts)[np.ix_(worst, worst)])
    numbers = fcluster(linkage(distances, "average"), 1 - least, "distance")
    groups = [worst[numbers == number] for number in np.unique(numbers)]
    return sorted((group for group in groups if len(group) > 1), key=lambda group: -counts[group].sum())


def group_recall(counts: np.ndarray, groups: list[np.ndarray]) -> pd.DataFrame:
    """Return for each group its `products`, and the shares of them given their very class, and one of the group."""
    rows = []
    for group in groups:
        products, inner = counts[group].sum(), counts[np.ix_(group, group)]
        rows.append((products, np.trace(inner) / max(products, 1), inner.sum() / max(products, 1)))
    return pd.DataFrame(rows, columns=["products", "right_class", "right_group"])


def confused_pairs(counts: np.ndarray, classes: list[str]) -> pd.DataFrame:
    """Return what is taken for what (`label`, `taken_for`), most frequent first: `n`, and the `share` of the label."""
    label, taken = np.nonzero(counts - np.diag(np.diag(counts)))
    names, n = np.array(classes), counts[label, taken]
    pairs = pd.DataFrame({"label": names[label], "taken_for": names[taken], "n": n})
    return pairs.assign(share=n / counts.sum(axis=1)[label]).sort_values("n", ascending=False, kind="stable")


def mistakes(results: Results, method: Method, split: str) -> pd.DataFrame:
    """Return the products (index: id) that a method got wrong, the most confident first.

    Columns: `title`, `label`, `decided`, and `confidence`, the probability of what was decided.
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
    """Return the condensed distances of the classes: one less their confusion."""
    distances = 1 - (shares + shares.T) / 2
    np.fill_diagonal(distances, 0)
    return squareform(distances, checks=False)

"""The column `label` of a table of products: a label each or, of products with several labels, one per line."""

from collections.abc import Collection

import pandas as pd


def each_label(labels: pd.Series, *, several: bool) -> pd.Series:
    """Return all labels without missing ones; of several, the index has the product once for each of its labels."""
    labels = labels.dropna()
    return labels.str.split("\n").explode().astype(labels.dtype) if several else labels


def label_sets(labels: pd.Series, *, several: bool) -> pd.Series:
    """Return texts that are equal for products with the same labels, in whatever order; missing for none."""
    return labels.map(lambda cell: "\n".join(sorted(cell.split("\n"))), na_action="ignore") if several else labels


def without_labels(labels: pd.Series, left_out: Collection[str], *, several: bool) -> pd.Series:
    """Return the labels without some; missing for products that have no other."""
    each = each_label(labels.reset_index(drop=True), several=several)
    kept = each[~each.isin(left_out)].groupby(level=0).agg("\n".join)
    return pd.Series(kept.reindex(range(len(labels))).to_numpy(), labels.index, dtype=labels.dtype, name=labels.name)

"""Count near-duplicates in a catalogue, and the products outside train that have one in train (`twins_in_train`)."""

import numpy as np
import pandas as pd

from latefusion.dataset.duplicates import Duplicates, join
from latefusion.utils.labels import label_sets

SPLIT_NAMES = {"valid": "valid", "test": "held-out test", "submit": "unlabelled test"}
SWITCH = "split.group_duplicates"


def report_duplicates(
    duplicates: Duplicates, labels: pd.Series, splits: dict[str, pd.Series], *, several: bool = False
) -> dict:
    """Return the numbers of near-duplicates, of groups with different labels, and of products with a match in train.

    The last depends on the split: `splits` maps names to alternative splits, and all of them are counted. Of `several`
    labels (one per line), the order makes no difference.
    """
    return {
        "groups": {
            "by_title": _sizes(join(duplicates.titles)),
            "by_image": _sizes(join(duplicates.image_groups)),
            "by_either": _sizes(duplicates.groups),
        },
        "groups_of_several_labels": _disagreements(duplicates.groups, label_sets(labels, several=several)),
        "twins_in_train": {name: _twins_in_train(duplicates, split) for name, split in splits.items()},
    }


def describe_near_duplicates(report: dict, used: str) -> str:
    """Return one line: how many products have a near-duplicate in train, with the split in use and with the other."""
    (other,) = set(report["twins_in_train"]) - {used}
    counts, other_counts = report["twins_in_train"][used], report["twins_in_train"][other]
    shares = [
        f"{n['either']:,} of {n['products']:,} {SPLIT_NAMES[name]} products ({n['either'] / n['products']:.1%})"
        for name, n in counts.items()
    ]
    line = f"{' and '.join(shares)} have a near-duplicate in train"
    if counts == other_counts:
        return line
    alternative = " and ".join(f"{n['either']:,}" for n in other_counts.values())
    return f"{line}; {'with' if other == 'grouped' else 'without'} {SWITCH}: {alternative}"


def _sizes(groups: np.ndarray) -> dict[str, int]:
    """Return the number of groups of more than one product, of products in them, and the size of the largest."""
    sizes = np.bincount(groups)
    shared = sizes[sizes > 1]
    return {"groups": len(shared), "products": int(shared.sum()), "largest": int(shared.max(initial=0))}


def _disagreements(groups: np.ndarray, labels: pd.Series) -> dict[str, int]:
    """Return the number of groups with more than one label, and of their labelled products."""
    n_labels = labels.groupby(groups).transform("nunique")
    mixed = groups[(labels.notna() & (n_labels > 1)).to_numpy()]
    return {"groups": len(np.unique(mixed)), "products": len(mixed)}


def _twins_in_train(duplicates: Duplicates, split: pd.Series) -> dict[str, dict[str, int]]:
    """Return the number of products of each split but train, and how many match train: by title, image, either."""
    twins = duplicates.twins_in((split == "train").to_numpy()).set_index(split.index)
    by_split = {name: twins[split == name] for name in SPLIT_NAMES}
    return {
        name: {"products": len(rows), **{kind: int(count) for kind, count in rows.sum().items()}}
        for name, rows in by_split.items()
        if len(rows)
    }

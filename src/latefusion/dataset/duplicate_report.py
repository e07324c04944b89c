"""How many near-duplicates a catalogue has, and how many products to be scored on have a twin in train."""

import numpy as np
import pandas as pd

from latefusion.dataset.duplicates import Duplicates, join

PARTS = {"valid": "valid", "test": "held-out test", "submit": "unlabelled test"}
SWITCH = "split.group_duplicates"


def report_duplicates(duplicates: Duplicates, labels: pd.Series, splits: dict[str, pd.Series]) -> dict:
    """Count near-duplicates, those whose labels disagree, and, under each of the named splits, twins in train."""
    return {
        "groups": {
            "by_title": _sizes(join(duplicates.titles)),
            "by_image": _sizes(join(duplicates.looks)),
            "by_either": _sizes(duplicates.groups),
        },
        "groups_of_several_labels": _disagreements(duplicates.groups, labels),
        "twins_in_train": {name: _twins_in_train(duplicates, split) for name, split in splits.items()},
    }


def describe_leaks(report: dict, used: str) -> str:
    """Return one line on the split that is used, and on what the other one would leave."""
    (other,) = set(report["twins_in_train"]) - {used}
    here, there = report["twins_in_train"][used], report["twins_in_train"][other]
    shares = [
        f"{part['either']:,} of {part['products']:,} {PARTS[name]} products ({part['either'] / part['products']:.1%})"
        for name, part in here.items()
    ]
    line = f"{' and '.join(shares)} have a twin in train"
    if here == there:
        return line
    elsewhere = " and ".join(f"{part['either']:,}" for part in there.values())
    return f"{line}; {'with' if other == 'grouped' else 'without'} {SWITCH}: {elsewhere}"


def _sizes(groups: np.ndarray) -> dict[str, int]:
    """Count the groups of more than one product, and the products in them."""
    sizes = np.bincount(groups)
    shared = sizes[sizes > 1]
    return {"groups": len(shared), "products": int(shared.sum()), "largest": int(shared.max(initial=0))}


def _disagreements(groups: np.ndarray, labels: pd.Series) -> dict[str, int]:
    """Count the groups that hold more than one label, and their labelled products."""
    n_labels = labels.groupby(groups).transform("nunique")
    torn = groups[(labels.notna() & (n_labels > 1)).to_numpy()]
    return {"groups": len(np.unique(torn)), "products": len(torn)}


def _twins_in_train(duplicates: Duplicates, split: pd.Series) -> dict[str, dict[str, int]]:
    """Count, for each part to be scored on, its products and those with an equal title, a like image, or either."""
    twins = duplicates.twins_in((split == "train").to_numpy()).set_index(split.index)
    own = {name: twins[split == name] for name in PARTS}
    return {
        name: {"products": len(part), **{kind: int(count) for kind, count in part.sum().items()}}
        for name, part in own.items()
        if len(part)
    }

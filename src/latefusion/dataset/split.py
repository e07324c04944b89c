"""Stratified splits and folds, seeded, for classes of any size, which keep groups of products together if told to.

scikit-learn's splitters refuse a class with one product and warn at few; real catalogues have such classes.
"""

import numpy as np
import pandas as pd

from latefusion.config import Split
from latefusion.utils.seeds import derive_seed


def assign_folds(labels: np.ndarray, n_folds: int, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """Return a fold number for each of the (N,) labels: classes spread evenly, fold sizes within one of each other.

    With (N,) `groups`, each group stays in one fold; sizes are then as near as the largest groups let them be, and no
    fold is empty if there is a group for each.
    """
    if groups is not None:
        units = _units(labels, groups, seed)
        return _deal(units, np.full(n_folds, len(labels) / n_folds))[groups].to_numpy()
    folds = np.empty(len(labels), dtype=np.int64)
    folds[_class_after_class(labels, seed)] = np.arange(len(labels)) % n_folds
    return folds


def groups_of(products: pd.DataFrame, split: Split) -> np.ndarray | None:
    """Return the (N,) groups whose products must stay together, or None where the split is not grouped."""
    return products["group"].to_numpy() if split.group_duplicates else None


def count_units(products: pd.DataFrame, split: Split) -> int:
    """Return how many units folds are dealt from: groups of near-duplicates, or single products."""
    return products["group"].nunique() if split.group_duplicates else len(products)


def stratified_sample(labels: np.ndarray, size: int, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """Return the rows of about `size` of (N,) labels, evenly of each class, or all where there are no more.

    With (N,) `groups`, a group is taken with all its rows or not at all. Each class keeps at least two units, groups or
    single rows, if it has them.
    """
    if len(labels) <= size:
        return np.arange(len(labels))
    units = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]  # (N,)
    order = np.random.default_rng(seed).permutation(units.max() + 1)
    kept = []
    for label in np.unique(labels):
        own = order[np.isin(order, units[labels == label])]
        kept.append(own[: max(2, round(size * len(own) / len(labels)))])
    return np.flatnonzero(np.isin(units, np.concatenate(kept)))


def split_products(products: pd.DataFrame, split: Split, groups: pd.Series | None = None) -> pd.Series:
    """Return the split of every product: `train`, `valid`, `test`, or `submit` for the unlabelled test set.

    A split that the catalogue brings is obeyed; where it brings no `valid`, that share is taken from its `train`.
    Every class keeps at least one product to train on. With `groups` (index as `products`), the products of a group
    that are drawn here are drawn together, whatever their labels; those that the catalogue placed stay where they are.
    """
    result = products["split"].copy()
    shares = {"test": split.test_fraction, "valid": split.valid_fraction}
    if lacks_valid(result):
        result = result.mask(result == "train")
        shares = {"valid": split.valid_fraction}
    free = products.index[result.isna()]
    labels, seed = products.loc[free, "label"].to_numpy(), derive_seed(split.seed, "split")
    if groups is None:
        result.loc[free] = _split_classes(labels, shares, seed)
    else:
        result.loc[free] = _split_groups(labels, groups.loc[free].to_numpy(), shares, seed)
    return result


def lacks_valid(splits: pd.Series) -> bool:
    """Tell whether a catalogue brings training products and no validation products."""
    return (splits == "train").any() and not (splits == "valid").any()


def _split_classes(labels: np.ndarray, shares: dict[str, float], seed: int) -> np.ndarray:
    """Return (N,) names of splits: `train`, and an equal share of each class for the others."""
    order = pd.Index(_class_after_class(labels, seed))
    result = np.full(len(labels), "train", dtype=object)
    candidates = order[pd.Series(labels[order]).duplicated()]  # the first of each class stays in train
    for name, fraction in shares.items():
        chosen = _evenly_spaced(candidates, round(fraction * len(order)))
        result[chosen] = name
        candidates = candidates.difference(chosen, sort=False)
    return result


def _class_after_class(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return positions that list one class after another, each in a seeded random order of its own."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    return shuffled[np.argsort(labels[shuffled], kind="stable")]


def _evenly_spaced(items: pd.Index, count: int) -> pd.Index:
    """Take `count` of the items at equal steps, so that each class gives its share."""
    count = min(count, len(items))
    return items[((np.arange(count) + 0.5) * len(items) / max(count, 1)).astype(int)]


def _split_groups(labels: np.ndarray, groups: np.ndarray, shares: dict[str, float], seed: int) -> np.ndarray:
    """Return (N,) names of splits as `_split_classes` does, one name for each group."""
    units = _units(labels, groups, seed)
    candidates = units.drop(_smallest_of_each_class(labels, groups, units))  # those stay in train
    left, targets = candidates["size"].sum(), []
    for fraction in shares.values():
        targets.append(min(round(fraction * len(labels)), left - sum(targets)))
    parts = _deal(candidates, np.array([left - sum(targets), *targets]))
    names = np.array(["train", *shares], dtype=object)
    return names[parts.reindex(groups, fill_value=0)]


def _units(labels: np.ndarray, groups: np.ndarray, seed: int) -> pd.DataFrame:
    """Return the groups (index) in the order they are dealt in, with `size` and `label`, the commonest of a group.

    One class after another; in each the largest first, so that the small ones can even out; equals at random.
    """
    counts = pd.DataFrame({"group": groups, "label": labels}).value_counts(sort=False).reset_index()
    commonest = counts.sort_values("count", ascending=False, kind="stable").drop_duplicates("group")
    units = commonest.set_index("group")[["label"]].assign(size=counts.groupby("group")["count"].sum())
    at_random = np.random.default_rng(seed).permutation(len(units))
    return units.iloc[np.lexsort((at_random, -units["size"], pd.factorize(units["label"], sort=True)[0]))]


def _smallest_of_each_class(labels: np.ndarray, groups: np.ndarray, units: pd.DataFrame) -> np.ndarray:
    """Return a group for each class that holds one of its products, as small as there is."""
    rank = pd.Series(np.arange(len(units)), units.index)[groups]
    order = np.lexsort((-rank, units["size"][groups]))  # small ones first, equals in the random order of the units
    return np.unique(groups[order[~pd.Series(labels[order]).duplicated()]])


def _deal(units: pd.DataFrame, targets: np.ndarray) -> pd.Series:
    """Return a part for each unit, 0 to K - 1, so that the parts come near (K,) target sizes, in each class alike.

    A unit goes to the part that is furthest behind its share. What large units leave uneven when a class is dealt is
    spread over all that follow, not made good by the next one.
    """
    parts, sizes, behind = [], np.zeros(len(targets)), np.zeros(len(targets))
    for _, of_class in units.groupby("label", sort=False):
        lacking = (targets - sizes).clip(0)
        behind = behind.clip(-1, 1)  # a rounding is made good at once
        for size in of_class["size"]:
            behind = behind + size * lacking / lacking.sum()
            part = behind.argmax()
            behind[part] -= size
            sizes[part] += size
            parts.append(part)
    return pd.Series(parts, units.index, dtype=np.int64)

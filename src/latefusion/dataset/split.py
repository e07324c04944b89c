"""Stratified splits and folds for classes of any size; optionally, groups of products stay together.

scikit-learn's splitters raise an error for a class with one product and warn for small classes, which real catalogues
have. Labels to stratify by are (N,) class numbers or texts, or (N, C) several labels: 0 or 1, dense or sparse. The
number of dimensions tells which; several labels are divided by iterative stratification (`iterative`).
"""

from typing import TypeAlias

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from latefusion.config import Split
from latefusion.dataset.iterative import deal_labels, one_of_each_label
from latefusion.utils.errors import InputError
from latefusion.utils.labels import each_label
from latefusion.utils.seeds import derive_seed

Labels: TypeAlias = np.ndarray | csr_array  # (N,), or (N, C)


def assign_folds(labels: Labels, n_folds: int, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """Return (N,) fold numbers for labels: each class is spread evenly, and fold sizes differ by at most one.

    With (N,) `groups`, each group stays in one fold. Fold sizes are then as equal as the largest groups allow, and no
    fold is empty if there are as many groups as folds. Of several labels, fold sizes are nearly equal.
    """
    if labels.ndim == 2:
        units, members = _units_of_several(csr_array(labels), groups)
        return deal_labels(*units, np.full(n_folds, 1 / n_folds), seed)[members]
    if groups is not None:
        units = _units(labels, groups, seed)
        return _deal(units, np.full(n_folds, len(labels) / n_folds))[groups].to_numpy()
    folds = np.empty(len(labels), dtype=np.int64)
    folds[_class_after_class(labels, seed)] = np.arange(len(labels)) % n_folds
    return folds


def label_matrix(labels: pd.Series) -> csr_array:
    """Return (N, C) ones for each of several labels (one per line) of N products; C labels in alphabetical order."""
    each = each_label(labels.reset_index(drop=True), several=True)
    numbers, distinct = pd.factorize(each, sort=True)
    ones = np.ones(len(each), dtype=np.int64)
    return csr_array((ones, (each.index, numbers)), shape=(len(labels), len(distinct)))


def _rarest(labels: csr_array) -> np.ndarray:
    """Return (N,) label numbers: of each product's several labels the rarest, of equally rare ones the first."""
    (rows, numbers), sizes = labels.nonzero(), labels.sum(axis=0)
    order = np.lexsort((numbers, sizes[numbers], rows))
    return numbers[order][np.unique(rows[order], return_index=True)[1]]


def groups_of(products: pd.DataFrame, split: Split) -> np.ndarray | None:
    """Return the (N,) groups whose products must stay together, or None if the split is not grouped."""
    return products["group"].to_numpy() if split.grouped else None


def count_units(products: pd.DataFrame, split: Split) -> int:
    """Return the number of units that are divided into folds: groups of near-duplicates, or single products."""
    return products["group"].nunique() if split.grouped else len(products)


def stratified_sample(labels: Labels, size: int, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """Return the rows of a stratified sample of about `size` of N labels; all rows if there are no more.

    With (N,) `groups`, a group is taken with all its rows or not at all. Each class keeps at least two units (groups or
    single rows), if it has them. Several labels are stratified by the rarest of each row.
    """
    if labels.shape[0] <= size:
        return np.arange(labels.shape[0])
    labels = _rarest(csr_array(labels)) if labels.ndim == 2 else labels
    units = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]  # (N,)
    order = np.random.default_rng(seed).permutation(units.max() + 1)
    kept = []
    for label in np.unique(labels):
        own = order[np.isin(order, units[labels == label])]
        kept.append(own[: max(2, round(size * len(own) / len(labels)))])
    return np.flatnonzero(np.isin(units, np.concatenate(kept)))


def split_products(
    products: pd.DataFrame,
    split: Split,
    groups: pd.Series | None = None,
    times: pd.Series | None = None,
    *,
    several: bool = False,
) -> pd.Series:
    """Return the split of every product: `train`, `valid`, `test`, or `submit` for the unlabelled test set.

    Splits that the catalogue assigns are kept; if it assigns no `valid`, that fraction is taken from its `train`.
    With `split.n_folds` there is no `valid`: products that the catalogue assigns to it are `train`. Every class
    keeps at least one product in train. With `groups` (index as `products`), all products of a group that are
    assigned here get the same split, whatever their labels; those that the catalogue assigns keep theirs.

    With `split.by` order or time (then with `times`, numbers that grow with time; index as `products`), the newest are
    `test`, and the newest of the rest `valid`. Of equal times, later rows are the newer. A group is as old as its
    oldest product. Each class keeps its oldest unit (group, or product) in train.

    `several`: products have several labels, one per line; each of them is a class.
    """
    result = products["split"].copy()
    shares = {"test": split.test_fraction, "valid": split.valid_fraction}
    if split.n_folds is not None:
        result = result.replace("valid", "train")
        shares = {"test": split.test_fraction}
    elif lacks_valid(result):
        result = result.mask(result == "train")
        shares = {"valid": split.valid_fraction}
    free = products.index[result.isna()]
    if free.empty:  # the catalogue assigns every product
        return result
    labels, seed = _labels(products.loc[free, "label"], several=several), derive_seed(split.seed, "split")
    if split.by != "random":
        order = np.arange(len(free)) if times is None else times.loc[free].to_numpy()
        units = np.arange(len(free)) if groups is None else groups.loc[free].to_numpy()
        result.loc[free] = _split_newest(labels, units, order, shares)
    elif labels.ndim == 2:
        result.loc[free] = _split_several(labels, None if groups is None else groups.loc[free].to_numpy(), shares, seed)
    elif groups is None:
        result.loc[free] = _split_classes(labels, shares, seed)
    else:
        result.loc[free] = _split_groups(labels, groups.loc[free].to_numpy(), shares, seed)
    return result


def assign_held_out_folds(products: pd.DataFrame, split: Split, *, several: bool = False) -> pd.Series:
    """Return the fold (Int64) that holds out each product in cross-fitting; NA for products that no fold holds out.

    These are the products that are not in `train`, and those without which a class would be missing in the training
    products of a fold: they are trained on in every fold, because no network could predict them anyway. `products` has
    the columns split, label, and group; `several` as in `split_products`. Raises InputError if there are fewer products
    (or groups) than folds.
    """
    assert split.n_folds is not None
    train = products[products["split"] == "train"]
    if (n_units := count_units(train, split)) < split.n_folds:
        what = "groups of near-duplicates" if split.grouped else "products"
        raise InputError(f"split.n_folds: {split.n_folds} folds for {n_units} labelled {what}: lower it")
    labels, seed = _labels(train["label"], several=several), derive_seed(split.seed, "cross-fitting")
    folds = pd.Series(assign_folds(labels, split.n_folds, seed, groups_of(train, split)), train.index, dtype="Int64")
    return keep_classes_in_train(folds, train, split, several=several).reindex(products.index)


def keep_classes_in_train(folds: pd.Series, train: pd.DataFrame, split: Split, *, several: bool = False) -> pd.Series:
    """Return the folds (Int64) of train products, NA for those without which a fold would be trained without a class.

    Products whose fold is NA already are trained on in every fold.
    """
    n_held_out = 2 if split.nested else 1  # folds at a time
    of_labels = pd.DataFrame({"label": each_label(train["label"], several=several)}).join(folds.rename("fold"))
    by_label = of_labels.groupby("label")["fold"]
    in_few_folds = (by_label.transform("nunique") <= n_held_out) & (
        by_label.transform("count") == by_label.transform("size")
    )
    in_few_folds = in_few_folds.groupby(level=0).any().reindex(train.index)  # whichever of several labels it is
    if split.grouped:  # their whole groups: a near-duplicate in train would make the product too easy
        in_few_folds = in_few_folds.groupby(train["group"]).transform("any")
    return folds.mask(in_few_folds)


def lacks_valid(splits: pd.Series) -> bool:
    """Return whether a catalogue assigns products to train but none to valid."""
    return (splits == "train").any() and not (splits == "valid").any()


def _labels(labels: pd.Series, *, several: bool) -> Labels:
    return label_matrix(labels) if several else labels.to_numpy()


def _units_of_several(labels: csr_array, groups: np.ndarray | None) -> tuple[tuple[csr_array, np.ndarray], np.ndarray]:
    """Return what is divided: (U, C) products of each label and (U,) sizes of units, and each product's (N,) unit."""
    n_products = labels.shape[0]
    members = np.arange(n_products) if groups is None else pd.factorize(groups)[0]
    of_units = csr_array((np.ones(n_products, dtype=np.int64), (members, np.arange(n_products))))
    return (csr_array(of_units @ (labels != 0).astype(np.int64)), np.bincount(members)), members


def _split_several(labels: csr_array, groups: np.ndarray | None, shares: dict[str, float], seed: int) -> np.ndarray:
    """Return (N,) names of splits for (N, C) several labels: about the fractions `shares` of each label.

    Units (groups, or products) that together have all labels stay in train.
    """
    units, members = _units_of_several(labels, groups)
    fractions = np.array([1 - sum(shares.values()), *shares.values()])
    bins = deal_labels(*units, fractions, seed, kept=one_of_each_label(*units, seed))
    return np.array(["train", *shares], dtype=object)[bins][members]


def _split_classes(labels: np.ndarray, shares: dict[str, float], seed: int) -> np.ndarray:
    """Return (N,) names of splits: the fractions `shares` of each class, by split, and `train` for the rest."""
    order = pd.Index(_class_after_class(labels, seed))
    result = np.full(len(labels), "train", dtype=object)
    candidates = order[pd.Series(labels[order]).duplicated()]  # the first of each class stays in train
    for name, fraction in shares.items():
        chosen = _evenly_spaced(candidates, round(fraction * len(order)))
        result[chosen] = name
        candidates = candidates.difference(chosen, sort=False)
    return result


def _class_after_class(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return positions ordered by class, in a seeded random order within each class."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    return shuffled[np.argsort(labels[shuffled], kind="stable")]


def _evenly_spaced(items: pd.Index, count: int) -> pd.Index:
    """Return `count` of the items at equal steps, so that each class contributes its share."""
    count = min(count, len(items))
    return items[((np.arange(count) + 0.5) * len(items) / max(count, 1)).astype(int)]


def _split_groups(labels: np.ndarray, groups: np.ndarray, shares: dict[str, float], seed: int) -> np.ndarray:
    """Return (N,) names of splits as `_split_classes` does, with the same name for all products of a group."""
    units = _units(labels, groups, seed)
    candidates = units.drop(_smallest_of_each_class(labels, groups, units))  # those stay in train
    available = candidates["size"].sum()
    targets: list[int] = []
    for fraction in shares.values():
        targets.append(min(round(fraction * len(labels)), available - sum(targets)))
    bins = _deal(candidates, np.array([available - sum(targets), *targets]))
    names = np.array(["train", *shares], dtype=object)
    return names[bins.reindex(groups, fill_value=0)]


def _split_newest(labels: Labels, groups: np.ndarray, times: np.ndarray, shares: dict[str, float]) -> np.ndarray:
    """Return (N,) names of splits: of the newest groups the first of `shares`, then the second, `train` for the rest.

    A share ends with the group that fills it, so it can be exceeded by a part of a group.
    """
    names = np.full(len(times), "train", dtype=object)
    age = np.empty(len(times), dtype=np.int64)  # 0: the oldest
    age[np.argsort(times, kind="stable")] = np.arange(len(times))
    units = pd.DataFrame({"group": groups, "age": age}).groupby("group")["age"].agg(["min", "size"])
    rows, classes = labels.nonzero() if labels.ndim == 2 else (np.arange(len(labels)), labels)
    oldest = pd.Series(units.loc[groups[rows], "min"].to_numpy()).groupby(classes).min()  # of each class
    units = units[~units["min"].isin(oldest)].sort_values("min", ascending=False)
    before = units["size"].cumsum() - units["size"]  # newer products of no train unit
    end = 0
    for name, fraction in shares.items():
        start, end = end, end + round(fraction * len(times))
        chosen = units.index[(before >= start) & (before < end)]
        names[np.isin(groups, chosen)] = name
    return names


def _units(labels: np.ndarray, groups: np.ndarray, seed: int) -> pd.DataFrame:
    """Return the groups (index) in the order in which they are assigned, with `size` and `label` (the most frequent).

    The order is by class. Within a class the largest groups are first, so that small ones can even out the sizes;
    groups of equal size are in random order.
    """
    counts = pd.DataFrame({"group": groups, "label": labels}).value_counts(sort=False).reset_index()
    commonest = counts.sort_values("count", ascending=False, kind="stable").drop_duplicates("group")
    units = commonest.set_index("group")[["label"]].assign(size=counts.groupby("group")["count"].sum())
    at_random = np.random.default_rng(seed).permutation(len(units))
    return units.iloc[np.lexsort((at_random, -units["size"], pd.factorize(units["label"], sort=True)[0]))]


def _smallest_of_each_class(labels: np.ndarray, groups: np.ndarray, units: pd.DataFrame) -> np.ndarray:
    """Return, for each class, the smallest group that holds one of its products."""
    rank = pd.Series(np.arange(len(units)), units.index)[groups]
    order = np.lexsort((-rank, units["size"][groups]))  # small groups first, ties in the random order of the units
    return np.unique(groups[order[~pd.Series(labels[order]).duplicated()]])


def _deal(units: pd.DataFrame, targets: np.ndarray) -> pd.Series:
    """Return a bin for each unit, 0 to K - 1 (folds or splits), so that bins have about the (K,) target sizes.

    The same holds within each class. A unit is assigned to the bin that is furthest below its share. If large units
    make the bins uneven at the end of a class, the difference is spread over all later classes, not corrected by the
    next one.
    """
    bins, sizes, deficit = [], np.zeros(len(targets)), np.zeros(len(targets))
    for _, of_class in units.groupby("label", sort=False):
        lacking = (targets - sizes).clip(0)
        deficit = deficit.clip(-1, 1)  # only rounding differences are corrected by the next class
        for size in of_class["size"]:
            deficit = deficit + size * lacking / lacking.sum()
            chosen = deficit.argmax()
            deficit[chosen] -= size
            sizes[chosen] += size
            bins.append(chosen)
    return pd.Series(bins, units.index, dtype=np.int64)

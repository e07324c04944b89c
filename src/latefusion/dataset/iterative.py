"""Iterative stratification: divide products with several labels so that each label is spread evenly.

Sechidis et al., "On the Stratification of Multi-label Data" (ECML 2011): the label with the fewest products left is
dealt out first, each product to the bin that lacks this label most. Theirs gives small bins too much of labels with
few products, or too little; so here a bin that is behind its share of all products is preferred, a little.

iterative-stratification and scikit-multilearn divide single products into equal folds. Here groups of near-duplicates
stay together, bins have different shares (train, valid, test), and some units are in a bin from the start.
"""

import numpy as np
from scipy.sparse import csr_array

CARRIED = 0.25  # of a product: how much being behind counts, beside lacking the label


def deal_labels(
    labels: csr_array, sizes: np.ndarray, shares: np.ndarray, seed: int, kept: np.ndarray | None = None
) -> np.ndarray:
    """Return (U,) bin numbers, 0 to K - 1, of units (products, or groups of products), by the bins' (K,) shares.

    `labels` (U, C): how many of a unit's products have each label; every unit has labels. `sizes` (U,): its products.
    The units `kept` are in bin 0 from the start. Of a label, large units are dealt out first, so that small ones can
    even out the sizes, and those of equal size in random order.
    """
    n_units, num_classes = labels.shape
    shuffled = np.random.default_rng(seed).permutation(n_units)
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    by_label = labels[order].tocsc()
    units_of = [order[by_label.indices[slice(*by_label.indptr[label : label + 2])]] for label in range(num_classes)]
    left = np.diff(by_label.indptr)  # units of each label that are in no bin
    lacking = np.outer(labels.sum(axis=0), shares).tolist()  # products with each label (C) that each bin (K) lacks
    room, n_left, size_of = (sizes.sum() * shares).tolist(), float(sizes.sum()), sizes.tolist()
    bins, share_of = np.full(n_units, -1), shares.tolist()

    def put(unit: int, chosen: int) -> None:
        nonlocal n_left
        bins[unit] = chosen
        room[chosen] -= size_of[unit]
        n_left -= size_of[unit]
        own = slice(*labels.indptr[unit : unit + 2])
        for label, count in zip(labels.indices[own].tolist(), labels.data[own].tolist(), strict=True):
            lacking[label][chosen] -= count
        left[labels.indices[own]] -= 1

    for unit in [] if kept is None else kept.tolist():
        put(unit, 0)
    while (left > 0).any():
        label = np.where(left > 0, left, n_units + 1).argmin()
        wanted = lacking[label]
        for unit in units_of[label][bins[units_of[label]] < 0].tolist():
            behind = [min(max(space - share * n_left, -1), 1) for space, share in zip(room, share_of, strict=True)]
            scores = [want + CARRIED * carried for want, carried in zip(wanted, behind, strict=True)]
            put(unit, scores.index(max(scores)))
    return bins


def one_of_each_label(labels: csr_array, sizes: np.ndarray, seed: int) -> np.ndarray:
    """Return units that together have every label: for each label, the rarest first, the smallest unit.

    A label that a unit chosen before has needs no other. Arguments: those of `deal_labels`.
    """
    shuffled = np.random.default_rng(seed).permutation(labels.shape[0])
    order = shuffled[np.argsort(sizes[shuffled], kind="stable")]
    by_label = labels[order].tocsc()
    chosen, covered = [], np.diff(by_label.indptr) == 0
    for label in np.argsort(np.diff(by_label.indptr), kind="stable"):
        if not covered[label]:
            unit = order[by_label.indices[slice(*by_label.indptr[label : label + 2])].min()]
            chosen.append(unit)
            covered[labels.indices[slice(*labels.indptr[unit : unit + 2])]] = True
    return np.array(chosen, dtype=np.int64)

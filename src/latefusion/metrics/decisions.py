"""Labels and decisions, of products with one label each and of products with several.

One label: `targets` and `preds` are (N,) class numbers; a target of -1 is a label that is unknown or does not count.
Several labels: both are (N, C) int8, a column per class. A target is 1 for each label of the product, and -1 in the
whole row of a product whose labels are unknown or do not count. A decision is `ASSIGNED` for each label that is
assigned, and `FIRST` for the one of highest probability, which is always assigned: every product has a label.

As in scikit-learn, the number of dimensions tells which it is.
"""

import numpy as np
from numpy.typing import ArrayLike

ASSIGNED, FIRST = 1, 2
HALF = 0.5  # the threshold of each class, unless others are learnt (`label_thresholds`)


def is_known(targets: np.ndarray) -> np.ndarray:
    """Return the (N,) mask of the products with labels that count."""
    return targets >= 0 if targets.ndim == 1 else targets[:, 0] >= 0


def is_right(targets: np.ndarray, preds: np.ndarray) -> np.ndarray:
    """Return (N,) bools: whether the decided label is the product's; of several labels, the first decided one."""
    if targets.ndim == 1:
        return preds == targets
    return targets[np.arange(len(targets)), first_labels(preds)] > 0


def differ(preds: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return (N,) bools: whether two decisions on a product differ; of several labels, in any or in the first."""
    return preds != others if preds.ndim == 1 else (preds != others).any(axis=1)


def first_labels(preds: np.ndarray) -> np.ndarray:
    """Return (N,) class numbers: the decided labels, of several the first."""
    return preds if preds.ndim == 1 else preds.argmax(axis=1)


def count_labels(targets: np.ndarray, num_classes: int) -> np.ndarray:
    """Return (C,): the number of products with each label; those whose labels do not count are ignored."""
    known = targets[is_known(targets)]
    return (known > 0).sum(axis=0) if known.ndim == 2 else np.bincount(known, minlength=num_classes)


def decide(probs: np.ndarray, *, several: bool, thresholds: ArrayLike = HALF) -> np.ndarray:
    """Return the decisions for (N, C) probabilities: the class of highest probability, or several labels.

    Of several, those with a probability of at least their threshold (one for all, (C,) or (N, C)) are assigned, and the
    one of highest probability in any case.
    """
    highest = probs.argmax(axis=1)
    if not several:
        return highest
    preds = (probs >= np.asarray(thresholds, dtype=probs.dtype)).astype(np.int8)
    preds[np.arange(len(preds)), highest] = FIRST
    return preds

"""The thresholds from which on labels are assigned, of products with several labels.

Calibrated: a half, of the calibrated probability (`confidence.LabelCalibration`), which is another threshold on the
probabilities of a method, the same for all classes. So all labels are assigned that are more probable than not. Tuned:
for each class a threshold of a grid, those together with the highest score.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.special import expit

from latefusion.metrics.confidence import BLOCK, fit_label_calibrations
from latefusion.metrics.decisions import HALF, decide, is_known

GRID = expit(np.arange(-6, 6.1, 0.25))  # (T,) tuned thresholds, in ascending order, 0.002 to 0.998
LearntBy: TypeAlias = Literal["calibrated", "tuned"]


@dataclass(frozen=True)
class LabelThresholds:
    """The thresholds by which several labels are decided: of each fold, learnt on the others, and of all folds."""

    by_fold: np.ndarray  # (F, C)
    final: np.ndarray  # (C,)

    @classmethod
    def learn(
        cls, how: LearntBy, probs: np.ndarray, targets: np.ndarray, folds: np.ndarray, *, metric: str
    ) -> "LabelThresholds":
        """Learn them on (N, C) probabilities and targets (see `metrics.decisions`); of a fold, on the others.

        `metric`: the score that tuned ones shall raise.
        """
        return (
            cls.calibrated(probs, targets, folds) if how == "calibrated" else cls.tuned(probs, targets, folds, metric)
        )

    @classmethod
    def calibrated(cls, probs: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> "LabelThresholds":
        """Return what is calibrated to a half, the same for all classes."""
        halves = [one.half for one in fit_label_calibrations(probs, targets, folds)]
        thresholds = np.tile(np.array(halves)[:, None], probs.shape[1])
        return cls(thresholds[:-1], thresholds[-1])

    @classmethod
    def tuned(cls, probs: np.ndarray, targets: np.ndarray, folds: np.ndarray, metric: str) -> "LabelThresholds":
        """Return for each class one of `GRID`, a half for a class without products.

        For macro and weighted F1 each class gets the threshold of highest F1; for all other metrics they are those of
        the highest micro-F1. The two differ most for labels that cannot be told from the inputs: by F1 of the class
        alone, the best is to assign such a label to nearly all products.
        """
        assigned, correct, labelled = _count(probs, targets, folds)
        choose = _highest_f1 if metric in ("macro_f1", "weighted_f1") else _highest_micro_f1
        total = (assigned.sum(axis=0), correct.sum(axis=0), labelled.sum(axis=0))
        own = zip(assigned, correct, labelled, strict=True)
        by_fold = [choose(*(whole - part for whole, part in zip(total, parts, strict=True))) for parts in own]
        return cls(np.stack(by_fold), choose(*total))

    def decide_out_of_fold(self, probs: np.ndarray, folds: np.ndarray) -> np.ndarray:
        """Return the decisions for (N, C) probabilities of products in (N,) folds."""
        preds = np.empty(probs.shape, dtype=np.int8)
        for fold, thresholds in enumerate(self.by_fold):
            rows = folds == fold
            preds[rows] = decide(probs[rows], several=True, thresholds=thresholds)
        return preds

    def decide(self, probs: np.ndarray) -> np.ndarray:
        """Return the decisions for (N, C) probabilities of other products."""
        return decide(probs, several=True, thresholds=self.final)


def _count(probs: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how many products of a fold get a label at each threshold of `GRID`, rightly, and how many have it.

    Shapes: (F, T, C), (F, T, C) and (F, C), of the products whose labels count.
    """
    n_classes, n_folds, known = probs.shape[1], int(folds.max()) + 1, np.flatnonzero(is_known(targets))
    shape = (n_folds, len(GRID) + 1, 2, n_classes)  # by how many thresholds are reached, and whether it is a label
    counts, size = np.zeros(np.prod(shape), dtype=np.int64), max(1, BLOCK // n_classes)
    for start in range(0, len(known), size):
        rows = known[start : start + size]
        reached = np.searchsorted(GRID.astype(probs.dtype), probs[rows], side="right")
        cells = (folds[rows, None] * shape[1] + reached) * 2 + (targets[rows] > 0)
        counts += np.bincount((cells * n_classes + np.arange(n_classes)).ravel(), minlength=len(counts))
    above = counts.reshape(shape)[:, ::-1].cumsum(axis=1)[:, ::-1]  # by how many thresholds are at least reached
    return above[:, 1:].sum(axis=2), above[:, 1:, 1], above[:, 0, 1]


def _highest_f1(assigned: np.ndarray, correct: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Return (C,): of each class the threshold with the highest F1, from (T, C), (T, C) and (C,) counts."""
    return _highest(2 * correct / np.maximum(assigned + labelled, 1), labelled)


def _highest_micro_f1(assigned: np.ndarray, correct: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Return (C,): the thresholds that together have the highest micro-F1.

    By Dinkelbach's algorithm for a ratio of sums: for a score F that can be reached, each class takes the threshold of
    highest 2 * correct - F * assigned, and the score of these is at least F.
    """
    classes, thresholds, best = np.arange(len(labelled)), np.full(len(labelled), HALF), 0.0
    while True:
        chosen = _highest(2 * correct - best * assigned, labelled)
        rows = np.searchsorted(GRID, chosen)
        n = assigned[rows, classes].sum() + labelled.sum()
        score = 2 * correct[rows, classes].sum() / max(n, 1)
        if score <= best:
            return thresholds
        thresholds, best = chosen, score


def _highest(values: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Return (C,): of each class the threshold of the highest of (T, C) values, of equal ones the nearest to a half."""
    order = np.argsort(np.abs(GRID - HALF), kind="stable")
    return np.where(labelled > 0, GRID[order][values[order].argmax(axis=0)], HALF)

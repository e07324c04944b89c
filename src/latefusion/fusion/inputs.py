"""The training data of a policy: its experts' probabilities on the validation products, with labels and folds."""

from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np

from latefusion.config import Learner, PolicyConfig
from latefusion.metrics.calibration import as_logits, fold_temperatures, temper

P = TypeVar("P", bound=PolicyConfig, covariant=True)  # the config class of the policy
ALL = -1  # in place of a fold number: learnt on all validation products


@dataclass(frozen=True)
class FusionInputs(Generic[P]):
    """The training data of one policy, on the N validation products.

    `tables`: the (N, C) probabilities of each of the E experts; `targets`: (N,) class numbers, -1 where a label does
    not count; `folds`: (N,) fold numbers. What is learnt for a fold is learnt from the labels of the other folds only.
    """

    policy: P
    tables: tuple[np.ndarray, ...]
    targets: np.ndarray
    folds: np.ndarray

    @property
    def num_classes(self) -> int:
        return self.tables[0].shape[1]

    def rows(self, fold: int) -> np.ndarray:
        """Return the row numbers that the policy of a fold learns from: labelled products of the other folds."""
        return np.flatnonzero((self.targets >= 0) & (self.folds != fold))

    @cached_property
    def temperatures(self) -> np.ndarray:
        """Return (F + 1, E): each expert's temperature by fold, last the one learnt on all; 1 without `calibrate`."""
        n_folds = self.policy.n_folds
        if not self.policy.calibrate:
            return np.ones((n_folds + 1, len(self.tables)))
        return np.stack([fold_temperatures(table, self.targets, self.folds, n_folds) for table in self.tables], axis=1)

    def calibrated(self, fold: int, tables: tuple[np.ndarray, ...] | None = None) -> list[np.ndarray]:
        """Return the experts' probabilities, tempered for a fold; those of other products if `tables` are given."""
        tables = self.tables if tables is None else tables
        return [temper(table, temperature) for table, temperature in zip(tables, self.temperatures[fold], strict=True)]

    def features(self: "FusionInputs[Learner]", fold: int, tables: tuple[np.ndarray, ...] | None = None) -> np.ndarray:
        """Return (N, E * C) float32: the input of a learnt policy, in the form that its config names (`inputs`)."""
        form = self.policy.inputs
        if form == "log_probs":
            blocks = [as_logits(table) for table in self.calibrated(fold, tables)]
        elif form == "top_k":
            blocks = [_top_k(table, self.policy.top_k) for table in self.calibrated(fold, tables)]
        else:
            blocks = self.calibrated(fold, tables)
        return np.concatenate(blocks, axis=1, dtype=np.float32)


def _top_k(probs: np.ndarray, k: int) -> np.ndarray:
    """Return the probabilities with all but the k highest of each row set to zero."""
    if k >= probs.shape[1]:
        return probs
    highest = np.argpartition(probs, -k, axis=1)[:, -k:]
    kept = np.zeros_like(probs)
    np.put_along_axis(kept, highest, np.take_along_axis(probs, highest, axis=1), axis=1)
    return kept

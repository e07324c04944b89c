"""The training data of a policy: its experts' probabilities on the validation products, with labels and folds."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar

import numpy as np

from latefusion.config import Learner, PolicyConfig
from latefusion.metrics.calibration import as_logits, temper, temperature_of
from latefusion.metrics.decisions import is_known
from latefusion.metrics.label_thresholds import LearntBy
from latefusion.tables.dataset import Dataset

if TYPE_CHECKING:
    from latefusion.experts.context import Context

P = TypeVar("P", bound=PolicyConfig, covariant=True)  # the config class of the policy
Q = TypeVar("Q", bound=PolicyConfig)
LabelThresholdsOf: TypeAlias = LearntBy | Literal["half"]
ALL = -1  # passed in place of a fold number: what is learnt on all validation products


@dataclass(frozen=True)
class RawProducts:
    """The products that a policy reads by itself, and where its networks are trained.

    `context` returns that of the experts; it imports accelerate, so it is called by the policies that need it alone.
    """

    context: Callable[[], "Context"]
    dataset: Dataset
    run_dir: Path


@dataclass(frozen=True)
class FusionInputs(Generic[P]):
    """The training data of one policy: N validation products, with the probabilities of E experts.

    `tables`: the (N, C) probabilities of each expert; `targets`: (N,) class numbers or (N, C) several labels, -1 for
    labels that do not count (see `metrics.decisions`); `folds`: (N,) fold numbers. What decides on a fold is learnt
    from the labels of the other folds only. `nested`: for each fold, tables that are used in place of `tables` for all
    that concerns the fold; empty if there are none. `metric`: the name of the one by which epochs and weights are
    chosen. `label_thresholds`: how several labels are decided, as in the config. `members`: of a policy that asks
    others, those that are fitted already (`fusion.on_demand`). `raw`: of a policy with a network of its own, the
    products that it reads (`fusion.raw_select`).
    """

    policy: P
    tables: tuple[np.ndarray, ...]
    targets: np.ndarray
    folds: np.ndarray
    nested: tuple[tuple[np.ndarray, ...], ...] = ()
    metric: str = "macro_f1"
    label_thresholds: LabelThresholdsOf = "half"
    members: tuple = ()
    raw: RawProducts | None = None

    @property
    def num_classes(self) -> int:
        return self.tables[0].shape[1]

    @property
    def several(self) -> bool:
        """Whether products have several labels."""
        return self.targets.ndim == 2

    @cached_property
    def known(self) -> np.ndarray:
        """The (N,) mask of the products with labels that count."""
        return is_known(self.targets)

    def of(self, policy: Q) -> "FusionInputs[Q]":
        """Return the inputs of another policy, of some of the same experts, on the same products and folds."""
        columns = [self.policy.experts.index(name) for name in policy.experts]
        return FusionInputs(
            policy.model_copy(update={"n_folds": self.policy.n_folds}),
            tuple(self.tables[column] for column in columns),
            self.targets,
            self.folds,
            tuple(tuple(tables[column] for column in columns) for tables in self.nested),
            self.metric,
            self.label_thresholds,
        )

    def without(self, fold: int) -> "FusionInputs":
        """Return the inputs without the labels of a fold, for all that is learnt for it in folds within the others."""
        hidden = self.targets.copy()
        hidden[self.folds == fold] = -1
        return replace(self, tables=self.tables_of(fold), targets=hidden, nested=())

    def tables_of(self, fold: int) -> tuple[np.ndarray, ...]:
        """Return the (N, C) tables of the experts from which to learn for a fold (`ALL`: for all products)."""
        return self.nested[fold] if self.nested and fold != ALL else self.tables

    def fit_rows(self, fold: int) -> np.ndarray:
        """Return the row numbers to fit on for a fold: labelled products of the *other* folds (`ALL`: of all)."""
        return np.flatnonzero(self.known & (self.folds != fold))

    @cached_property
    def temperatures(self) -> np.ndarray:
        """Return (F + 1, E): each expert's temperature for each fold, and last for `ALL`; ones without `calibrate`."""
        n_folds = self.policy.n_folds
        if not self.policy.calibrate:
            return np.ones((n_folds + 1, len(self.tables)))
        return np.array([self._temperatures_of(fold) for fold in (*range(n_folds), ALL)])

    def _temperatures_of(self, fold: int) -> list[float]:
        rows = self.fit_rows(fold)
        return [temperature_of(table[rows], self.targets[rows]) for table in self.tables_of(fold)]

    def calibrated(self, fold: int, tables: tuple[np.ndarray, ...] | None = None) -> list[np.ndarray]:
        """Return the experts' probabilities after temperature scaling, with the temperatures of a fold.

        `tables`: probabilities of other products, such as test products; by default those to learn from for the fold.
        """
        tables = self.tables_of(fold) if tables is None else tables
        temperatures = self.temperatures[fold]
        return [temper(table, one, several=self.several) for table, one in zip(tables, temperatures, strict=True)]

    def features(self: "FusionInputs[Learner]", fold: int, tables: tuple[np.ndarray, ...] | None = None) -> np.ndarray:
        """Return (N, E * C) float32: the features of a learnt policy, of the type that its key `inputs` names.

        `fold` and `tables` as in `calibrated`.
        """
        if self.policy.inputs == "log_probs":
            blocks = [as_logits(table, several=self.several) for table in self.calibrated(fold, tables)]
        elif self.policy.inputs == "top_k":
            blocks = [_top_k(table, self.policy.top_k) for table in self.calibrated(fold, tables)]
        else:
            blocks = self.calibrated(fold, tables)
        return np.concatenate(blocks, axis=1, dtype=np.float32)


def restored_inputs(
    policy: PolicyConfig, num_classes: int, temperatures: np.ndarray | None, *, several: bool = False
) -> FusionInputs:
    """Return the inputs of a policy that is read from disk: without products, with the (F + 1, E) `temperatures`.

    None: the policy was trained without `calibrate`. What it decides depends on nothing else of its inputs.
    """
    targets, folds = np.empty((0, num_classes) if several else 0, dtype=np.int64), np.empty(0, dtype=np.int64)
    nothing = np.empty((0, num_classes), dtype=np.float32)
    inputs = FusionInputs(policy, (nothing,) * len(policy.experts), targets, folds)
    if temperatures is not None:
        inputs.__dict__["temperatures"] = temperatures  # in the place of what it would learn from its products
    return inputs


def _top_k(probs: np.ndarray, k: int) -> np.ndarray:
    """Return the probabilities with all but the k highest of each row set to zero."""
    if k >= probs.shape[1]:
        return probs
    highest = np.argpartition(probs, -k, axis=1)[:, -k:]
    kept = np.zeros_like(probs)
    np.put_along_axis(kept, highest, np.take_along_axis(probs, highest, axis=1), axis=1)
    return kept

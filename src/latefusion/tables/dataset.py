"""The dataset: all products of an experiment with their split, and the classes in their fixed order.

`steps.prepare` writes it to `weights/<experiment>/catalogue/`; experts, policies and scores read it (`read_dataset`).

A product's `label` is the code of its class, a text; of a product with several labels, their codes, one per line.
`classes` lists the codes; a class number is an index into this list, and probability tables have one column per class
in its order. `metrics.decisions` describes `targets` and `preds`.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

from latefusion.config import Experiment, Split
from latefusion.dataset.split import assign_folds, count_units, groups_of
from latefusion.metrics.decisions import decide
from latefusion.plan.records import verified
from latefusion.utils.errors import InputError
from latefusion.utils.files import read_json
from latefusion.utils.labels import each_label
from latefusion.utils.parquet import read_frame
from latefusion.utils.seeds import derive_seed

SELECTION_FOLDS = 8  # the default of a policy's n_folds


@dataclass(frozen=True)
class Dataset:
    """The table of products with their split, and the classes in their fixed order."""

    products: pd.DataFrame  # index: id; columns: see `steps.prepare`
    classes: list[str]
    split: Split
    several: bool = False  # whether products have several labels
    left_out: tuple[str, ...] = ()  # labels of too few products: `catalogue.min_products`

    @property
    def fusion_split(self) -> str:
        """The split that policies, calibration and the choice of methods learn from: `valid`, or `oof`.

        `oof`: the labelled products of a cross-fitted experiment, with their out-of-fold probabilities.
        """
        return "valid" if self.split.n_folds is None else "oof"

    def select(self, *splits: str) -> pd.DataFrame:
        """Return the products of these splits, in the table's order."""
        return self.products[self.products["split"].isin(splits)]

    @cached_property
    def evaluation_splits(self) -> dict[str, pd.DataFrame]:
        """The products to predict: those of `fusion_split`, and `test` (the held-out test split and the unlabelled).

        A view in which no product is held out has `test` only.
        """
        cross_fitted = self.split.n_folds is not None
        learnt = self.products[self.products["fold"].notna()] if cross_fitted else self.select("valid")
        to_predict = {self.fusion_split: learnt, "test": self.select("test", "submit")}
        return to_predict if len(learnt) else {"test": to_predict["test"]}

    @property
    def fusion_products(self) -> pd.DataFrame:
        """The products of `fusion_split`, in the table's order."""
        return self.evaluation_splits[self.fusion_split]

    def of_fold(self, *folds: int) -> "Dataset":
        """Return the dataset of a fold's experts: the fold's products are `valid`, those of all other folds `train`.

        Without a fold to hold out, all of them are `train`.
        """
        held_out = self.products["fold"].isin(folds)
        products = self.products.assign(split=self.products["split"].mask(held_out, "valid"))
        one_split = self.split.model_copy(
            update={"n_folds": None, "nested": False, "group_duplicates": self.split.grouped}
        )
        return Dataset(products, self.classes, one_split, self.several)

    @property
    def training_views(self) -> "tuple[Dataset, ...]":
        """The datasets that experts are trained on: those of all folds and pairs, or without cross-fitting this one."""
        folds = range(self.split.n_folds or 0)
        held_out = [(fold,) for fold in folds] + (list(combinations(folds, 2)) if self.split.nested else [])
        return tuple(self.of_fold(*view) for view in held_out) or (self,)

    def targets(self, products: pd.DataFrame) -> np.ndarray:
        """Return the labels of products: (N,) class numbers, or (N, C) int8 (see `metrics.decisions`)."""
        if not self.several:
            return pd.Index(self.classes).get_indexer(products["label"])
        labels = each_label(products["label"].reset_index(drop=True), several=True)
        targets = np.zeros((len(products), len(self.classes)), dtype=np.int8)
        targets[labels.index, pd.Index(self.classes).get_indexer(labels)] = 1
        targets[products["label"].isna().to_numpy()] = -1
        return targets

    def strata(self, products: pd.DataFrame) -> np.ndarray:
        """Return the labels by which labelled products are stratified: (N,) texts, or (N, C) several (`targets`)."""
        return self.targets(products) if self.several else products["label"].to_numpy()

    def decide(self, probs: np.ndarray) -> np.ndarray:
        """Return the decisions for (N, C) probabilities, with thresholds of a half (see `metrics.decisions`)."""
        return decide(probs, several=self.several)

    def folds(self, products: pd.DataFrame, n_folds: int, seed: int) -> np.ndarray:
        """Return (N,) fold numbers of labelled products, stratified; grouped if the split is grouped.

        Raises InputError if there are fewer products (or groups) than folds.
        """
        grouped = self.split.grouped
        if (n_units := count_units(products, self.split)) < n_folds:
            in_groups = f" in {n_units} groups of near-duplicates" if grouped else ""
            raise InputError(f"too few products: {len(products)} products{in_groups} for {n_folds} folds")
        return assign_folds(self.strata(products), n_folds, seed, groups_of(products, self.split))

    def fusion_folds(self, n_folds: int) -> np.ndarray:
        """Return (N,) fold numbers of the products of `fusion_split`: the same for all experts and policies.

        In nested cross-fitting they are those of the experts, whatever `n_folds`. Labels that a person has changed
        (`catalogue.label_choices`) count as they were, as in the split.
        """
        products = self.fusion_products
        if self.split.nested:
            return products["fold"].to_numpy(np.int64)
        if "label_before" in products:
            products = products.assign(label=products["label_before"])
        return self.folds(products, n_folds, derive_seed(self.split.seed, "folds"))

    def selection_folds(self) -> np.ndarray:
        """Return (N,) fold numbers of the products of `fusion_split` for the selection of epochs.

        There are 8 folds, as a policy has by default, or fewer if there are fewer products or groups.
        """
        return self.fusion_folds(min(SELECTION_FOLDS, count_units(self.fusion_products, self.split)))


def read_dataset(experiment: Experiment) -> Dataset:
    """Return the dataset that `steps.prepare` wrote; for the view of a fold, the dataset of that fold."""
    folder = experiment.run_root / "catalogue"
    products = read_frame(verified(folder, "products.parquet"))
    classes: list[str] = read_json(verified(folder, "classes.json"))
    left_out: list[str] = read_json(verified(folder, "left_out.json"))
    dataset = Dataset(products, classes, experiment.split, experiment.several, tuple(left_out))
    return dataset if experiment.held_out is None else dataset.of_fold(*experiment.held_out)

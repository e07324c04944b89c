"""The dataset: all products of an experiment with their split, and the classes in their fixed order.

`steps.prepare` writes it to `weights/<experiment>/catalogue/`; experts, policies and scores read it (`read_dataset`).

A product's `label` is the code of its class, a text. `classes` lists the codes; a class number (`targets`, `preds`) is
an index into this list, and probability tables have one column per class in its order.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from latefusion.config import Experiment, Split
from latefusion.dataset.split import assign_folds, count_units, groups_of
from latefusion.plan.records import verified
from latefusion.utils.errors import InputError
from latefusion.utils.files import read_json
from latefusion.utils.seeds import derive_seed

SELECTION_FOLDS = 8  # the default of a policy's n_folds


@dataclass(frozen=True)
class Dataset:
    """The table of products with their split, and the classes in their fixed order."""

    products: pd.DataFrame  # index: id; columns: see `steps.prepare`
    classes: list[str]
    split: Split

    def select(self, *splits: str) -> pd.DataFrame:
        """Return the products of these splits, in the table's order."""
        return self.products[self.products["split"].isin(splits)]

    @cached_property
    def evaluation_splits(self) -> dict[str, pd.DataFrame]:
        """The products to predict: `valid`, and `test` (the held-out test split and the unlabelled products)."""
        return {"valid": self.select("valid"), "test": self.select("test", "submit")}

    def targets(self, products: pd.DataFrame) -> np.ndarray:
        """Return the (N,) class numbers of labelled products."""
        return pd.Index(self.classes).get_indexer(products["label"])

    def folds(self, products: pd.DataFrame, n_folds: int, seed: int) -> np.ndarray:
        """Return (N,) fold numbers of labelled products, stratified; grouped if the split is grouped.

        Raises InputError if there are fewer products (or groups) than folds.
        """
        grouped = self.split.group_duplicates
        if (n_units := count_units(products, self.split)) < n_folds:
            in_groups = f" in {n_units} groups of near-duplicates" if grouped else ""
            raise InputError(f"too few products: {len(products)} products{in_groups} for {n_folds} folds")
        return assign_folds(self.targets(products), n_folds, seed, groups_of(products, self.split))

    def valid_folds(self, n_folds: int) -> np.ndarray:
        """Return (N,) fold numbers of the validation products: the same for all experts and policies."""
        return self.folds(self.select("valid"), n_folds, derive_seed(self.split.seed, "folds"))

    def selection_folds(self) -> np.ndarray:
        """Return (N,) fold numbers of the validation products for the selection of epochs.

        There are 8 folds, as a policy has by default, or fewer if there are fewer products or groups.
        """
        return self.valid_folds(min(SELECTION_FOLDS, count_units(self.select("valid"), self.split)))


def read_dataset(experiment: Experiment) -> Dataset:
    """Return the dataset that `steps.prepare` wrote."""
    folder = experiment.run_root / "catalogue"
    products = pd.read_parquet(verified(folder, "products.parquet"))
    classes: list[str] = read_json(verified(folder, "classes.json"))
    return Dataset(products, classes, experiment.split)

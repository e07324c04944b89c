"""The dataset: every product of an experiment with its split, and the classes in their fixed order.

`steps.prepare` writes it to `weights/<experiment>/catalogue/`; experts, policies and scores read it here.
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

CHOOSING_FOLDS = 8  # as many as a policy has by default


@dataclass(frozen=True)
class Dataset:
    """The canonical table with its split, and the classes in their fixed order."""

    products: pd.DataFrame
    classes: list[str]
    split: Split

    def select(self, *splits: str) -> pd.DataFrame:
        """Return the products of these splits, in the table's order."""
        return self.products[self.products["split"].isin(splits)]

    @cached_property
    def evaluation_splits(self) -> dict[str, pd.DataFrame]:
        """The products to predict: `valid`, and `test` for all that nobody trains or chooses on."""
        return {"valid": self.select("valid"), "test": self.select("test", "submit")}

    def targets(self, products: pd.DataFrame) -> np.ndarray:
        """Return the (N,) class numbers of labelled products."""
        return pd.Index(self.classes).get_indexer(products["label"])

    def folds(self, products: pd.DataFrame, n_folds: int, seed: int) -> np.ndarray:
        """Return (N,) fold numbers of labelled products, stratified; where the split is grouped, the folds are.

        Raises InputError where that leaves a fold empty.
        """
        grouped = self.split.group_duplicates
        if (n_units := count_units(products, self.split)) < n_folds:
            in_groups = f" in {n_units} groups of near-duplicates" if grouped else ""
            raise InputError(f"{len(products)} products{in_groups} for {n_folds} folds")
        return assign_folds(self.targets(products), n_folds, seed, groups_of(products, self.split))

    def valid_folds(self, n_folds: int) -> np.ndarray:
        """Return the (N,) fold numbers of the validation products, the same whoever asks."""
        return self.folds(self.select("valid"), n_folds, derive_seed(self.split.seed, "folds"))

    def choosing_folds(self) -> np.ndarray:
        """Return the (N,) fold numbers by which epochs are chosen: as a policy's by default, fewer if there must be."""
        return self.valid_folds(min(CHOOSING_FOLDS, count_units(self.select("valid"), self.split)))


def read_dataset(experiment: Experiment) -> Dataset:
    """Return what `prepare` left."""
    folder = experiment.run_root / "catalogue"
    products = pd.read_parquet(verified(folder, "products.parquet"))
    return Dataset(products, read_json(verified(folder, "classes.json")), experiment.split)

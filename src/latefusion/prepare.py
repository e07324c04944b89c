"""Prepare a catalogue once for all experts: read it, check its pictures, split it.

Writes `weights/<experiment>/catalogue/`: `products.parquet` (index: id; title, description, image, label, split),
`classes.json` (the class codes in the one order every table uses) and `image_issues.csv`.
"""

import logging
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from latefusion.catalogue import apply_image_policy, check_images, class_order, read_catalogue, read_test_labels
from latefusion.config import Experiment
from latefusion.errors import InputError
from latefusion.files import read_json, whole, write_json
from latefusion.images import ImageStore, open_images
from latefusion.jobs import Job
from latefusion.randomness import derive_seed
from latefusion.split import assign_folds, split_products

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """The canonical table with its split, and the classes in their fixed order."""

    products: pd.DataFrame
    classes: list[str]
    seed: int  # of the split, and of folds

    def part(self, *splits: str) -> pd.DataFrame:
        """Return the products of these splits, in the table's order."""
        return self.products[self.products["split"].isin(splits)]

    @cached_property
    def evaluation_parts(self) -> dict[str, pd.DataFrame]:
        """The products to predict: `valid`, and `test` for all that nobody trains or chooses on."""
        return {"valid": self.part("valid"), "test": self.part("test", "submit")}

    def folds(self, products: pd.DataFrame, n_folds: int) -> np.ndarray:
        """Return the (N,) fold numbers of labelled products, the same whoever asks."""
        return assign_folds(self.targets(products), n_folds, derive_seed(self.seed, "folds"))

    def targets(self, products: pd.DataFrame) -> np.ndarray:
        """Return the (N,) class numbers of labelled products."""
        return pd.Index(self.classes).get_indexer(products["label"])


def prepare(experiment: Experiment, job: Job) -> None:
    """Read, check and split the catalogue into the job's folder."""
    catalogue = experiment.catalogue
    products = read_catalogue(catalogue)
    bad = check_images(catalogue.root, products["image"])
    with whole(job.run_dir / "image_issues.csv") as partial:
        bad.to_csv(partial)
    products = apply_image_policy(products, bad, catalogue.bad_images).drop(columns="place")
    products["split"] = split_products(products, experiment.split)
    classes = class_order(products["label"].dropna())
    _check_split(products, classes)
    _check_folds(products, experiment)
    read_test_labels(catalogue, products)  # refused now, if it is to be refused, not after the training
    with whole(job.run_dir / "products.parquet") as partial:
        products.to_parquet(partial)
    write_json(job.run_dir / "classes.json", classes)
    if any(experiment.modality(name) == "image" for name in experiment.experts) and products["image"].notna().any():
        cached_images(experiment, products)
    logger.info("%d products, %d classes; %s", len(products), len(classes), products["split"].value_counts().to_dict())


def _check_folds(products: pd.DataFrame, experiment: Experiment) -> None:
    n_valid = (products["split"] == "valid").sum()
    for name, policy in experiment.policies.items():
        if n_valid < policy.n_folds:
            raise InputError(f"policies.{name}: {n_valid} valid products for {policy.n_folds} folds; see the split")


def _check_split(products: pd.DataFrame, classes: list[str]) -> None:
    sizes = products["split"].value_counts()
    for split in ("train", "valid"):
        if split not in sizes:
            raise InputError(f"the split leaves no {split} products; see split.valid_fraction, or the split column")
    if "test" not in sizes and "submit" not in sizes:
        raise InputError("there is nothing to predict: give test products, or hold some out by split.test_fraction")
    trained = set(products.loc[products["split"] == "train", "label"])
    unknown = [code for code in classes if code not in trained]
    if unknown:
        raise InputError(f"no train product has the label {', '.join(unknown)}: move one there in the split column")
    if len(classes) < 2:
        raise InputError(f"all products have the label {classes[0]}: there is nothing to tell apart")


def cached_images(experiment: Experiment, products: pd.DataFrame) -> ImageStore:
    """Open the pictures, from the cache that the experiment asks for; it is built here, before many jobs read it."""
    return open_images(products, experiment.catalogue.root, experiment.run_root / "cache", experiment.cache_side)


def load_prepared(experiment: Experiment) -> Prepared:
    """Return what `prepare` left."""
    folder = experiment.run_root / "catalogue"
    products = pd.read_parquet(folder / "products.parquet")
    return Prepared(products, read_json(folder / "classes.json"), experiment.split.seed)

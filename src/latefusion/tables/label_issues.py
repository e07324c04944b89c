"""Read the label issues that denoising found, and apply them: which products to train on, which labels to ignore."""

import numpy as np
import pandas as pd

from latefusion.config import Experiment
from latefusion.metrics.decisions import is_known
from latefusion.plan.records import verified
from latefusion.tables.artifacts import damaged, read_parquet
from latefusion.tables.dataset import Dataset
from latefusion.utils.errors import InputError

COLUMNS = ("given", "suggested", "margin", "given_prob", "suggested_prob", "removed")


def read_label_issues(experiment: Experiment) -> pd.DataFrame:
    """Return the flagged products (index: id), most suspicious first, as `denoise` wrote them.

    Raises InputError if the file is missing or damaged.
    """
    path = verified(experiment.denoise_dir, "label_issues.parquet")
    issues = read_parquet(path, COLUMNS)
    if issues["removed"].dtype != bool:
        raise damaged(path, "the column 'removed' holds values other than true and false")
    return issues


def removed_issues(experiment: Experiment) -> pd.Index:
    """Return the ids of the products that denoising removed from train and, with `denoise.clean_valid`, from valid."""
    issues = read_label_issues(experiment)
    return issues.index[issues["removed"]]


def fusion_targets(experiment: Experiment, dataset: Dataset) -> np.ndarray:
    """Return the labels of the products of `fusion_split`; with `denoise.clean_valid`, -1 for those removed.

    Raises InputError if all of them were removed.
    """
    products = dataset.fusion_products
    targets = dataset.targets(products)
    if experiment.cleans_valid:
        targets[products.index.isin(removed_issues(experiment))] = -1
    if not is_known(targets).any():
        raise InputError("denoising removed all valid products: set denoise.clean_valid to false or remove fewer")
    return targets


def without_label_issues(experiment: Experiment, products: pd.DataFrame, train_on: str) -> pd.DataFrame:
    """Return the products to train on; with `train_on` `clean`, those that denoising did not remove."""
    if train_on == "all":
        return products
    return products[~products.index.isin(removed_issues(experiment))]

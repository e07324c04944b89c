"""What denoising left for others to read: the label issues, most suspicious first."""

import numpy as np
import pandas as pd

from latefusion.config import Experiment
from latefusion.prepare import Prepared
from latefusion.records import sound


def read_label_issues(experiment: Experiment) -> pd.DataFrame:
    """Return the flagged products (index: id) as `denoise` wrote them."""
    return pd.read_parquet(sound(experiment.run_root / "denoise", "label_issues.parquet"))


def removed_issues(experiment: Experiment) -> pd.Index:
    """Return the ids of the products that denoising removed, of train and, where it was asked to, of valid."""
    issues = read_label_issues(experiment)
    return issues.index[issues["removed"]]


def valid_targets(experiment: Experiment, prepared: Prepared) -> np.ndarray:
    """Return (N,) class numbers of the validation products; -1 for label issues, where those are cleaned too."""
    products = prepared.evaluation_parts["valid"]
    targets = prepared.targets(products)
    if experiment.cleans_valid:
        targets[products.index.isin(removed_issues(experiment))] = -1
    return targets

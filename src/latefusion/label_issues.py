"""What denoising left for others to read: the label issues, most suspicious first."""

import pandas as pd

from latefusion.config import Experiment


def read_label_issues(experiment: Experiment) -> pd.DataFrame:
    """Return the flagged products (index: id) as `denoise` wrote them."""
    return pd.read_parquet(experiment.run_root / "denoise" / "label_issues.parquet")


def removed_issues(experiment: Experiment) -> pd.Index:
    """Return the ids of the products that denoising removed, of train and, where it was asked to, of valid."""
    issues = read_label_issues(experiment)
    return issues.index[issues["removed"]]

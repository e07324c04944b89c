"""Which training products an expert that sees pictures learns from."""

import pandas as pd

from latefusion.experts.context import Context
from latefusion.tables.label_issues import removed_issues
from latefusion.utils.errors import InputError


def training_products(context: Context, products: pd.DataFrame, train_on: str) -> pd.DataFrame:
    """Return an image expert's: those that have a picture; on `clean`, without label issues."""
    kept = products[products["image"].notna()]
    if kept.empty:
        raise InputError("no training product has a picture: leave out the image experts, or name columns.image")
    return without_label_issues(context, kept, train_on)


def without_label_issues(context: Context, products: pd.DataFrame, train_on: str) -> pd.DataFrame:
    """Return the products; on `clean`, without the label issues that denoising removed."""
    if train_on == "all":
        return products
    return products[~products.index.isin(removed_issues(context.experiment))]

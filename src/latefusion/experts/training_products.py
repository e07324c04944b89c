"""Which training products an image expert learns from."""

import pandas as pd

from latefusion.errors import InputError
from latefusion.experts.workshop import Workshop
from latefusion.label_issues import removed_issues


def training_products(workshop: Workshop, products: pd.DataFrame, train_on: str) -> pd.DataFrame:
    """Return the products that have a picture; on `clean`, without the label issues that denoising removed."""
    kept = products[products["image"].notna()]
    if kept.empty:
        raise InputError("no training product has a picture: leave out the image experts, or name columns.image")
    if train_on == "clean":
        kept = kept[~kept.index.isin(removed_issues(workshop.experiment))]
    return kept

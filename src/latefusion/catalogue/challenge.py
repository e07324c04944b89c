"""Functions for both layouts of the challenge: the paths of images, and joining the labels from their own file."""

from pathlib import Path

import pandas as pd

from latefusion.catalogue.checks import check_ids, check_whole_numbers, refuse

KEYS = ["id", "image_id", "product_id"]


def check_keys(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the rows after checking that their ids are unique and that `columns` hold whole numbers."""
    check_ids(rows)
    check_whole_numbers(rows, columns)
    return rows


def image_paths(folder: str, rows: pd.DataFrame) -> pd.Series:
    """Return the path of each product's image, relative to the catalogue's root."""
    return f"{folder}/image_" + rows["image_id"] + "_product_" + rows["product_id"] + ".jpg"


def join_labels(products: pd.DataFrame, labels: pd.DataFrame, label_file: Path) -> pd.Series:
    """Return each product's label, joined by id, never by row position; ids must be unique in both frames."""
    unknown = labels["id"][~labels["id"].isin(products["id"])]
    refuse("id " + unknown, "Labels for products that do not exist:", "Are both files of the same download?")
    unlabelled = products["id"][~products["id"].isin(labels["id"])]
    refuse("id " + unlabelled, "Products without a label:", f"Every training product needs one in {label_file.name}.")
    _check_agreement(products, labels)
    return products["id"].map(labels.set_index("id")["label"])


def _check_agreement(products: pd.DataFrame, labels: pd.DataFrame) -> None:
    """Raise InputError if a label's image id or product id (only in SIGIR's label file) is not that of its product."""
    by_id = products.set_index("id")
    for column in [key for key in KEYS[1:] if key in labels]:
        expected = labels["id"].map(by_id[column])
        differs = labels[column] != expected
        refuse(
            ("id " + labels["id"] + f" has {column} " + labels[column] + ", its product has " + expected)[differs],
            f"Labels with another {column} than their product:",
            "Are both files of the same download?",
        )

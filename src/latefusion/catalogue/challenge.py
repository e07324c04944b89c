"""What the challenge's two layouts share: how images are named, and how labels in a file of their own are joined."""

from pathlib import Path

import pandas as pd

from latefusion.catalogue.checks import check_ids, check_whole_numbers, refuse

KEYS = ["id", "image_id", "product_id"]


def check_keys(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the rows after checking that their ids are unique and `columns` whole numbers."""
    check_ids(rows)
    check_whole_numbers(rows, columns)
    return rows


def image_paths(folder: str, rows: pd.DataFrame) -> pd.Series:
    """Return the path of each product's image, relative to the catalogue's root."""
    return f"{folder}/image_" + rows["image_id"] + "_product_" + rows["product_id"] + ".jpg"


def join_labels(products: pd.DataFrame, labels: pd.DataFrame, label_file: Path) -> pd.Series:
    """Return each product's label, found by id and never by position; both frames have unique ids."""
    unknown = labels["id"][~labels["id"].isin(products["id"])]
    refuse("id " + unknown, "Labels for products that do not exist:", "Are both files of the same download?")
    unlabelled = products["id"][~products["id"].isin(labels["id"])]
    refuse("id " + unlabelled, "Products without a label:", f"Every training product needs one in {label_file.name}.")
    _check_agreement(products, labels)
    return products["id"].map(labels.set_index("id")["label"])


def _check_agreement(products: pd.DataFrame, labels: pd.DataFrame) -> None:
    """Raise where a label's image or product id is not its product's (only SIGIR repeats them)."""
    by_id = products.set_index("id")
    for column in [key for key in KEYS[1:] if key in labels]:
        expected = labels["id"].map(by_id[column])
        odd = labels[column] != expected
        refuse(
            ("id " + labels["id"] + f" has {column} " + labels[column] + ", its product has " + expected)[odd],
            f"Labels whose {column} is not their product's:",
            "Are both files of the same download?",
        )

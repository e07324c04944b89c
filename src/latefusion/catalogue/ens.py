"""The layout `ens`, of ENS Challenge Data 35: comma-separated files; the header of the first column (id) is empty.

Reads `X_train_update.csv`, `Y_train_CVw08PX.csv` and, if it exists, `X_test_update.csv`.
"""

from pathlib import Path

import pandas as pd

from latefusion.catalogue.challenge import KEYS, check_keys, image_paths, join_labels
from latefusion.catalogue.delimited import read_delimited
from latefusion.catalogue.reading import find_file
from latefusion.config import CatalogueConfig

LABEL_FILE = "Y_train_CVw08PX.csv"
TEST_FILE = "X_test_update.csv"
PRODUCT_COLUMNS = {
    "": "id",
    "designation": "title",
    "description": "description",
    "productid": "product_id",
    "imageid": "image_id",
}
LABEL_COLUMNS = {"": "id", "prdtypecode": "label"}


def read_ens(catalogue: CatalogueConfig) -> pd.DataFrame:
    """Return the training products, then the products to be predicted, indexed by location."""
    train = read_products(find_file(catalogue.root, "X_train_update.csv"))
    label_file = find_file(catalogue.root, LABEL_FILE)
    labels = read_labels(label_file)
    train = train.assign(
        label=join_labels(train, labels, label_file), split="", image=image_paths("images/image_train", train)
    )
    if not (catalogue.root / TEST_FILE).exists():
        return train
    test = read_products(find_file(catalogue.root, TEST_FILE))
    return pd.concat([train, test.assign(label="", split="submit", image=image_paths("images/image_test", test))])


def read_products(path: Path) -> pd.DataFrame:
    """Return the products of a file, indexed by location, with the challenge's `id`, `image_id` and `product_id`."""
    return check_keys(_read(path, PRODUCT_COLUMNS), KEYS)


def read_labels(path: Path) -> pd.DataFrame:
    """Return the `id` and `label` (class code) of the training products, indexed by location."""
    return check_keys(_read(path, LABEL_COLUMNS), ["id", "label"])


def _read(path: Path, columns: dict[str, str]) -> pd.DataFrame:
    return read_delimited(path, ",", list(columns)).rename(columns=columns)

"""The layout `sigir`, of the SIGIR eCom 2020 data challenge: tab-separated files without quoting, two image folders.

Reads `X_train.tsv`, `Y_train.tsv` and those test files of the two phases that exist.
"""

from pathlib import Path

import pandas as pd

from latefusion.catalogue.challenge import KEYS, check_keys, image_paths, join_labels
from latefusion.catalogue.checks import refuse
from latefusion.catalogue.delimited import read_delimited
from latefusion.catalogue.reading import find_file
from latefusion.config import CatalogueConfig

LABEL_FILE = "Y_train.tsv"
TEST_FILES = ("x_test_task1_phase1.tsv", "x_test_task1_phase2.tsv")
PRODUCT_COLUMNS = {
    "Integer_id": "id",
    "Title": "title",
    "Description": "description",
    "Image_id": "image_id",
    "Product_id": "product_id",
}
LABEL_COLUMNS = {"Integer_id": "id", "Image_id": "image_id", "Product_id": "product_id", "Prdtypecode": "label"}


def read_sigir(catalogue: CatalogueConfig) -> pd.DataFrame:
    """Return the training products, then the products to be predicted, indexed by location."""
    train = read_products(find_file(catalogue.root, "X_train.tsv"))
    label_file = find_file(catalogue.root, LABEL_FILE)
    labels = read_labels(label_file)
    train = train.assign(
        label=join_labels(train, labels, label_file), split="", image=image_paths("image_training", train)
    )
    tests = [read_products(path) for path in find_tests(catalogue.root)]
    if not tests:
        return train
    test = _merge_phases(pd.concat(tests))
    return pd.concat([train, test.assign(label="", split="submit", image=image_paths("image_test", test))])


def find_tests(root: Path) -> list[Path]:
    """Return the test files that exist, phase 1 first."""
    return [find_file(root, name) for name in TEST_FILES if (root / name).exists()]


def read_products(path: Path) -> pd.DataFrame:
    """Return the products of a file, indexed by location, with the challenge's `id`, `image_id` and `product_id`."""
    return check_keys(_read(path, PRODUCT_COLUMNS), KEYS)


def read_labels(path: Path) -> pd.DataFrame:
    """Return the `label` (class code) of the training products with their challenge ids, indexed by location."""
    return check_keys(_read(path, LABEL_COLUMNS), [*KEYS, "label"])


def _read(path: Path, columns: dict[str, str]) -> pd.DataFrame:
    return read_delimited(path, "\t", list(columns), quoted=False).rename(columns=columns)


def _merge_phases(products: pd.DataFrame) -> pd.DataFrame:
    """Return the products of both phases; of a product that is in both, only the first row is kept.

    Raises InputError for products that differ between the phases.
    """
    twice = products[products.duplicated("id", keep=False)]
    differing = twice["id"][~twice.duplicated(keep=False)].sort_values(kind="stable")
    refuse("id " + differing, "Products that differ between the test files:", "An id must always be the same product.")
    return products.drop_duplicates("id")

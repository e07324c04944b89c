"""The classes in one fixed order, and the test set's true labels for those who have them."""

import re
from collections.abc import Iterable
from decimal import Decimal

import pandas as pd

from latefusion.catalogue.checks import check_ids, is_blank, refuse
from latefusion.catalogue.reading import find_file, read_rows
from latefusion.catalogue.spelling import show_spelling, spelling_key
from latefusion.config import CatalogueConfig
from latefusion.utils.errors import InputError


def class_order(labels: Iterable[str]) -> list[str]:
    """Return the distinct labels, missing ones aside: in numeric order if all are integers, else lexicographic."""
    classes = sorted({label for label in labels if not pd.isna(label)})
    if all(re.fullmatch("-?[0-9]+", label) for label in classes):
        classes.sort(key=Decimal)  # int() refuses more than 4,300 digits
    return classes


def read_test_labels(catalogue: CatalogueConfig, products: pd.DataFrame) -> pd.Series:
    """Read the true labels of products to be predicted (index: id); empty when the catalogue names no such file."""
    if catalogue.test_labels is None:
        return pd.Series([], index=pd.Index([], name="id", dtype="str"), name="label", dtype="str")
    path = find_file(catalogue.root, catalogue.test_labels)
    rows = read_rows(path, quoted=catalogue.quoted)
    if rows.shape[1] < 2:
        raise InputError(f"{path}: two columns are needed, the first the id, the last the label")
    rows = pd.DataFrame({"id": rows.iloc[:, 0], "label": rows.iloc[:, -1].str.strip()})
    check_ids(rows)
    _check_test_labels(rows, products)
    return rows.set_index("id")["label"]


def _check_test_labels(rows: pd.DataFrame, products: pd.DataFrame) -> None:
    to_predict = products.index[products["split"] == "submit"]
    unknown = rows["id"][~rows["id"].isin(to_predict)]
    refuse("id " + unknown, "Labels for products that are not to be predicted:", "Are these the test set's labels?")
    empty = rows["id"][is_blank(rows["label"])]
    refuse("id " + empty, "Test products without a label:", "Leave out the products whose label is not known.")
    seen = products["label"][products["split"].isna() | (products["split"] == "train")]
    unseen = rows[~rows["label"].isin(seen)]
    _refuse_other_spellings(unseen, seen)
    refuse(
        "id " + unseen["id"] + " has '" + unseen["label"] + "'",
        "Labels that were never seen in training:",
        "Is the last column the label?",
    )


def _refuse_other_spellings(unseen: pd.DataFrame, seen: pd.Series) -> None:
    """Raise for labels that training products have too, but written in another way."""
    by_key = {spelling_key(label): label for label in seen.dropna().unique()}
    odd = unseen.assign(known=unseen["label"].map(spelling_key).map(by_key)).dropna()
    problems = "id " + odd["id"] + " has " + odd["label"].map(show_spelling)
    problems += ", products have " + odd["known"].map(show_spelling)
    refuse(
        problems,
        "Test labels that are written in another way than in the products:",
        "Write each class in one way.",
    )

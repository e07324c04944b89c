"""The classes in one fixed order, and the true labels of the test set, for catalogues that have them."""

import re
from collections.abc import Iterable
from decimal import Decimal

import pandas as pd

from latefusion.catalogue.checks import check_ids, is_blank, refuse, refuse_lists
from latefusion.catalogue.reading import find_file, read_rows, text_format
from latefusion.catalogue.spelling import show_spelling, spelling_key
from latefusion.config import CatalogueConfig
from latefusion.utils.errors import InputError


def class_order(labels: Iterable[str]) -> list[str]:
    """Return the distinct labels without missing ones, in numeric order if all are integers, else lexicographically."""
    classes = sorted({label for label in labels if not pd.isna(label)})
    if all(re.fullmatch("-?[0-9]+", label) for label in classes):
        classes.sort(key=Decimal)  # int() raises an error for more than 4,300 digits
    return classes


def read_test_labels(catalogue: CatalogueConfig, products: pd.DataFrame) -> pd.Series:
    """Return the true labels of products to be predicted (index: id); empty if the config names no such file."""
    if catalogue.test_labels is None:
        return pd.Series([], index=pd.Index([], name="id", dtype="str"), name="label", dtype="str")
    path = find_file(catalogue.root, catalogue.test_labels)
    rows = read_rows(path, **text_format(catalogue))
    if rows.shape[1] < 2:
        raise InputError(f"{path}: needs at least two columns: the first is the id, the last the label")
    refuse_lists(rows)
    rows = pd.DataFrame({"id": rows.iloc[:, 0], "label": rows.iloc[:, -1].str.strip()})
    check_ids(rows)
    _check_test_labels(rows, products)
    return rows.set_index("id")["label"]


def _check_test_labels(rows: pd.DataFrame, products: pd.DataFrame) -> None:
    to_predict = products.index[products["split"] == "submit"]
    unknown = rows["id"][~rows["id"].isin(to_predict)]
    refuse("id " + unknown, "Labels for products that are not to be predicted:", "Are these the test set's labels?")
    empty = rows["id"][is_blank(rows["label"])]
    refuse("id " + empty, "Test products without a label:", "Remove the rows of products whose label is not known.")
    known = products["label"][products["split"].isna() | (products["split"] == "train")]
    unknown = rows[~rows["label"].isin(known)]
    _refuse_other_spellings(unknown, known)
    refuse(
        "id " + unknown["id"] + " has '" + unknown["label"] + "'",
        "Test labels that no training product has:",
        "Is the last column the label?",
    )


def _refuse_other_spellings(unknown: pd.DataFrame, known: pd.Series) -> None:
    """Raise InputError for unknown labels that are other spellings of known ones."""
    by_key = {spelling_key(label): label for label in known.dropna().unique()}
    respelt = unknown.assign(known=unknown["label"].map(spelling_key).map(by_key)).dropna()
    problems = "id " + respelt["id"] + " has " + respelt["label"].map(show_spelling)
    problems += ", products have " + respelt["known"].map(show_spelling)
    refuse(problems, "Test labels that are spelt differently in the products:", "Spell each class in one way.")

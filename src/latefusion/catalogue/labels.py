"""The classes in one fixed order, labels of too few products, and the true labels of the test set."""

import logging
import re
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import NamedTuple

import pandas as pd

from latefusion.catalogue.checks import check_ids, is_blank, refuse, refuse_lists
from latefusion.catalogue.list_cells import join_cells
from latefusion.catalogue.reading import find_file, read_rows, text_format
from latefusion.catalogue.row_issues import NONE, to_issues
from latefusion.catalogue.spelling import show_spelling, spelling_key
from latefusion.config import CatalogueConfig
from latefusion.utils.errors import InputError
from latefusion.utils.labels import each_label, without_labels

logger = logging.getLogger(__name__)
NAMED = 20  # labels in a line of the log


def class_order(labels: Iterable[str]) -> list[str]:
    """Return the distinct labels without missing ones, in numeric order if all are integers, else lexicographically."""
    classes = sorted({label for label in labels if not pd.isna(label)})
    if all(re.fullmatch("-?[0-9]+", label) for label in classes):
        classes.sort(key=Decimal)  # int() raises an error for more than 4,300 digits
    return classes


class Kept(NamedTuple):
    """The products whose labels enough products have."""

    products: pd.DataFrame
    issues: pd.DataFrame  # the products that are dropped (see `row_issues`)
    left_out: pd.Series  # for each label that is left out, its number of products that could be trained on


def leave_out_rare(products: pd.DataFrame, catalogue: CatalogueConfig) -> Kept:
    """Apply `catalogue.min_products`: leave out rare labels, and drop labelled products that have no other.

    What counts are the products that can be trained on: those that the catalogue assigns to train, or to no split.
    `products` is the canonical table. Raises InputError if no label is left.
    """
    least, several = catalogue.min_products, catalogue.labels == "several"
    trainable = products["split"].isna() | (products["split"] == "train")
    sizes = each_label(products["label"][trainable], several=several).value_counts()
    sizes = sizes.reindex(class_order(each_label(products["label"], several=several)), fill_value=0)
    rare = sizes[sizes < least]
    if least == 1 or rare.empty:  # a label without a product to train on is an error, if none is to be left out
        return Kept(products, NONE, sizes[:0])
    if len(rare) == len(sizes):
        most = f"the most frequent, '{sizes.idxmax()}', has {sizes.max()}"
        raise InputError(f"catalogue.min_products {least}: no label has so many products; {most}: lower it")
    labels = without_labels(products["label"], rare.index, several=several)
    dropped = products[products["label"].notna() & labels.isna()].reset_index().set_index("location")
    reason = f"no label left, fewer than {least} products have " + dropped["label"].str.replace("\n", ", ")
    issues = to_issues(dropped["id"], reason, "dropped")
    return Kept(products.assign(label=labels).drop(index=dropped["id"]), issues, rare)


def read_test_labels(catalogue: CatalogueConfig, products: pd.DataFrame, left_out: Collection[str] = ()) -> pd.Series:
    """Return the true labels of products to be predicted (index: id); empty if the config names no such file.

    Of several, one per line. Labels that are `left_out` of the products (`leave_out_rare`) are ignored, and so are
    products that have no other.
    """
    if catalogue.test_labels is None:
        return pd.Series([], index=pd.Index([], name="id", dtype="str"), name="label", dtype="str")
    path = find_file(catalogue.root, catalogue.test_labels)
    rows = read_rows(path, **text_format(catalogue))
    if rows.shape[1] < 2:
        raise InputError(f"{path}: needs at least two columns: the first is the id, the last the label")
    several, labels = catalogue.labels == "several", rows.iloc[:, -1]
    refuse_lists(rows.iloc[:, :-1] if several else rows)
    labels = join_cells([labels], catalogue.label_separator) if several else labels
    rows = pd.DataFrame({"id": rows.iloc[:, 0], "label": labels.str.strip()})
    check_ids(rows)
    _check_test_labels(rows, products, left_out, several=several)
    return _leave_out(rows.set_index("id")["label"], left_out, several=several)


def _leave_out(labels: pd.Series, left_out: Collection[str], *, several: bool) -> pd.Series:
    """Return the test labels (index: id) without those that are left out; the log says which products have no other."""
    if not len(left_out):
        return labels
    kept = without_labels(labels, left_out, several=several)
    if (dropped := labels[kept.isna()]).size:
        names = class_order(each_label(dropped, several=several))
        logger.warning(
            "%d of %d test products are not scored: their only labels are left out by catalogue.min_products: %s%s",
            len(dropped), len(labels), str(names[:NAMED])[1:-1], ", ..." * (len(names) > NAMED),
        )  # fmt: skip
    return kept.dropna()


def _check_test_labels(rows: pd.DataFrame, products: pd.DataFrame, left_out: Collection[str], *, several: bool) -> None:
    to_predict = products.index[products["split"] == "submit"]
    unknown = rows["id"][~rows["id"].isin(to_predict)]
    refuse("id " + unknown, "Labels for products that are not to be predicted:", "Are these the test set's labels?")
    empty = rows["id"][is_blank(rows["label"])]
    refuse("id " + empty, "Test products without a label:", "Remove the rows of products whose label is not known.")
    known = each_label(products["label"][products["split"].isna() | (products["split"] == "train")], several=several)
    rows = rows[["id"]].join(each_label(rows["label"], several=several))
    unknown = rows[~rows["label"].isin(known) & ~rows["label"].isin(left_out)]
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

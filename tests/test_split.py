"""Splits and folds: stratified, seeded, and kind to classes of any size."""

import numpy as np
import pandas as pd
import pytest

from latefusion.config import Split
from latefusion.split import assign_folds, split_products


def catalogue(sizes: dict[str, int], split: str | None = None) -> pd.DataFrame:
    labels = [label for label, size in sizes.items() for _ in range(size)]
    index = pd.Index([f"p{number}" for number in range(len(labels))], name="id", dtype="str")
    return pd.DataFrame({"label": pd.array(labels, dtype="str"), "split": pd.Series(split, index, dtype="str")}, index)


def test_each_class_gives_its_share_to_each_split():
    products = catalogue({"a": 400, "b": 100, "c": 20})
    splits = split_products(products, Split(valid_fraction=0.1, test_fraction=0.2))
    shares = pd.crosstab(products["label"], splits)
    for label, size in products["label"].value_counts().items():
        assert abs(shares.loc[label, "test"] - 0.2 * size) <= 1
        assert abs(shares.loc[label, "valid"] - 0.1 * size) <= 1
    assert (splits == "test").sum() == 104
    assert (splits == "valid").sum() == 52


def test_every_class_keeps_a_product_to_train_on():
    products = catalogue({"a": 50, **{f"rare{number}": 1 for number in range(20)}, "two": 2})
    splits = split_products(products, Split(valid_fraction=0.4, test_fraction=0.4))
    assert set(products.loc[splits == "train", "label"]) == set(products["label"])


def test_the_seed_decides_the_split():
    products = catalogue({"a": 60, "b": 40})
    first, again, other = (split_products(products, Split(seed=seed)) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_a_split_column_is_obeyed():
    products = catalogue({"a": 30})
    products["split"] = ["train", "valid", "test"] * 10
    assert split_products(products, Split(test_fraction=0.5)).equals(products["split"])


def test_a_split_column_without_valid_lends_from_train_alone():
    products = catalogue({"a": 30, "b": 30})
    products["split"] = ["train", "train", "test"] * 20
    splits = split_products(products, Split(valid_fraction=0.25, test_fraction=0.5))
    assert (splits[products["split"] == "test"] == "test").all()
    assert (splits == "valid").sum() == 10


def test_the_unlabelled_test_set_stays_apart_from_the_held_out_share():
    products = catalogue({"a": 50, "b": 50})
    products.loc[products.index[:20], "split"] = "submit"
    products.loc[products.index[:20], "label"] = None
    splits = split_products(products, Split(test_fraction=0.25))
    assert (splits.iloc[:20] == "submit").all()
    assert (splits == "test").sum() == 20


@pytest.mark.parametrize("n_folds", [2, 4, 8])
def test_folds_are_stratified_and_even(n_folds):
    labels = np.repeat([0, 1, 2, 3], [100, 33, 7, 1])
    folds = assign_folds(labels, n_folds, seed=3)
    assert np.ptp(np.bincount(folds, minlength=n_folds)) <= 1
    for label in range(4):
        assert np.ptp(np.bincount(folds[labels == label], minlength=n_folds)) <= 1

"""Splits and folds: stratified, seeded, and kind to classes of any size."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from latefusion.config import Split
from latefusion.dataset.split import assign_folds, split_products


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


def in_groups(products: pd.DataFrame, sizes: list[int]) -> pd.Series:
    """Groups of these sizes from the first product on; the others are alone."""
    numbers = [number for number, size in enumerate(sizes) for _ in range(size)]
    numbers += range(len(sizes), len(sizes) + len(products) - len(numbers))
    return pd.Series(numbers, products.index)


def test_a_group_is_on_one_side_and_each_class_still_gives_its_share():
    products = catalogue({"a": 400, "b": 100, "c": 60})
    groups = in_groups(products, [40, *[5] * 20, *[2] * 130, *[3] * 10])  # two are of a and b, and of b and c
    splits = split_products(products, Split(valid_fraction=0.1, test_fraction=0.2), groups)
    assert (splits.groupby(groups).nunique() == 1).all()
    assert splits.value_counts().to_dict() == {"train": 392, "test": 112, "valid": 56}
    shares = pd.crosstab(products["label"], splits)
    for label, size in products["label"].value_counts().items():
        assert abs(shares.loc[label, "test"] - 0.2 * size) <= 3
        assert abs(shares.loc[label, "valid"] - 0.1 * size) <= 3


def test_a_group_too_large_for_the_held_out_shares_is_trained_on_and_made_up_for_by_its_class():
    products = catalogue({"a": 100, "b": 300})
    splits = split_products(products, Split(valid_fraction=0.1, test_fraction=0.1), in_groups(products, [70]))
    assert (splits.iloc[:70] == "train").all()
    assert pd.crosstab(products["label"], splits).loc["a", ["valid", "test"]].between(9, 11).all()


def test_what_a_class_of_one_group_cannot_give_is_taken_from_all_classes_not_from_the_next():
    products = catalogue({"a": 101, "b": 100, "c": 400, "d": 400})
    splits = split_products(products, Split(valid_fraction=0.1, test_fraction=0.1), in_groups(products, [100]))
    assert (splits == "valid").sum() == (splits == "test").sum() == 100
    shares = pd.crosstab(products["label"], splits, normalize="index").loc[["b", "c", "d"], ["valid", "test"]]
    assert shares.to_numpy().min() > 0.09
    assert shares.to_numpy().max() < 0.13


def test_every_class_keeps_a_product_to_train_on_with_groups_across_classes_too():
    products = catalogue({"a": 50, **{f"rare{number}": 1 for number in range(20)}, "two": 2})
    groups = pd.Series(np.arange(72) // 3, products.index)
    splits = split_products(products, Split(valid_fraction=0.4, test_fraction=0.4), groups)
    assert set(products.loc[splits == "train", "label"]) == set(products["label"])
    assert (splits.groupby(groups).nunique() == 1).all()
    assert {"valid", "test"} <= set(splits)


def test_groups_of_one_are_split_as_evenly_as_no_groups_and_the_seed_decides():
    products = catalogue({"a": 400, "b": 100, "c": 20})
    first, again, other = (
        split_products(products, Split(valid_fraction=0.1, seed=seed), in_groups(products, [])) for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first.equals(other)
    assert (pd.crosstab(products["label"], first)["valid"] - [40, 10, 2]).abs().max() <= 1


def test_products_of_a_split_column_are_not_moved_for_their_twins():
    products = catalogue({"a": 30, "b": 30})
    groups = pd.Series(np.arange(60) // 4, products.index)
    products["split"] = ["train", "valid", "test"] * 20
    assert split_products(products, Split(), groups).equals(products["split"])
    products["split"] = ["train", "train", "train", "test"] * 15
    splits = split_products(products, Split(valid_fraction=0.25), groups)
    assert (splits[products["split"] == "test"] == "test").all()
    drawn = splits[products["split"] == "train"]
    assert (drawn.groupby(groups).nunique() == 1).all()
    assert abs((drawn == "valid").sum() - 0.25 * 45) <= 2


def test_the_unlabelled_test_set_holds_no_twin_back():
    products = catalogue({"a": 50, "b": 50})
    products.loc[products.index[::2], "split"] = "submit"
    products.loc[products.index[::2], "label"] = None
    splits = split_products(products, Split(valid_fraction=0.2), in_groups(products, [2] * 50))
    assert (splits.iloc[::2] == "submit").all()
    assert splits.iloc[1::2].value_counts().to_dict() == {"train": 40, "valid": 10}


@pytest.mark.parametrize("n_folds", [2, 4, 8])
def test_groups_stay_within_a_fold_and_folds_are_stratified_and_even(n_folds):
    labels = np.repeat([0, 1, 2, 3], [160, 80, 16, 1])
    groups = np.concatenate([np.repeat(np.arange(50), 3), 50 + np.arange(107)])[::-1]
    folds = assign_folds(labels, n_folds, 3, groups)
    assert (pd.Series(folds).groupby(groups).nunique() == 1).all()
    assert np.ptp(np.bincount(folds, minlength=n_folds)) <= 3
    for label in range(4):
        assert np.ptp(np.bincount(folds[labels == label], minlength=n_folds)) <= 6  # two groups
    assert (folds == assign_folds(labels, n_folds, 3, groups)).all()
    assert (folds != assign_folds(labels, n_folds, 4, groups)).any()


@pytest.mark.parametrize("seed", range(20))
def test_no_fold_is_empty_while_there_are_groups_enough(seed):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(8), rng.integers(1, 40, 8))
    folds = assign_folds(rng.integers(0, 5, len(groups)), 8, seed, groups)
    assert len(np.unique(folds)) == 8


def test_the_newest_are_tested_and_the_newest_of_the_rest_are_valid():
    products = catalogue({"a": 1, "b": 1, "ab": 48}).sample(frac=1, random_state=0)
    times = pd.Series(np.arange(50.0), products.index).sample(frac=1, random_state=1).reindex(products.index)
    splits = split_products(products, Split(by="time", valid_fraction=0.1, test_fraction=0.2), times=times)
    own = times[products["label"] == "ab"]
    alone = times[products["label"] != "ab"]
    assert (splits[alone.index] == "train").all()  # however new they are
    newest = own.sort_values(ascending=False).index
    assert set(splits[newest[:10]]) == {"test"}
    assert set(splits[newest[10:15]]) == {"valid"}
    assert set(splits[newest[15:]]) == {"train"}


def test_without_times_the_last_rows_are_the_newest_and_no_seed_decides():
    products = catalogue({"a": 40})
    for seed in (1, 2):
        splits = split_products(products, Split(by="order", seed=seed, valid_fraction=0.1, test_fraction=0.2))
        assert list(splits) == ["train"] * 28 + ["valid"] * 4 + ["test"] * 8


def test_of_equal_times_later_rows_are_newer():
    products = catalogue({"a": 40})
    times = pd.Series([2020.0] * 10 + [2021.0] * 30, products.index)
    splits = split_products(products, Split(by="time", n_folds=2, test_fraction=0.5), times=times)
    assert list(splits) == ["train"] * 20 + ["test"] * 20


def test_a_group_is_as_old_as_its_oldest_product():
    products = catalogue({"a": 40})
    groups = pd.Series(range(40), products.index)
    groups.iloc[39] = groups.iloc[5]  # the newest is a near-duplicate of an old one
    groups.iloc[36:39] = groups.iloc[36]
    splits = split_products(products, Split(by="order", n_folds=2, test_fraction=0.1), groups)
    assert splits.iloc[39] == "train"
    assert list(splits.iloc[35:39]) == ["test"] * 4
    assert (splits == "test").sum() == 4


def test_products_to_predict_are_not_split_in_the_order_of_time():
    products = catalogue({"a": 30})
    products.loc[products.index[20:], ["split", "label"]] = ["submit", None]
    splits = split_products(products, Split(by="order", n_folds=2, test_fraction=0.2))
    assert list(splits) == ["train"] * 16 + ["test"] * 4 + ["submit"] * 10


def test_random_splits_are_those_of_earlier_versions():
    """The hash of a split, from before there were others than random ones."""
    products = catalogue({"a": 50, "b": 31, "c": 7, "d": 1})
    splits = [
        split_products(products, Split(valid_fraction=0.1, test_fraction=0.2)),
        split_products(products, Split(valid_fraction=0.2, test_fraction=0.2), in_groups(products, [4, 3, 2, 2, 5])),
    ]
    text = "".join(name[0] + name[1] for split in splits for name in split)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "6ffc3041ff037bb1"

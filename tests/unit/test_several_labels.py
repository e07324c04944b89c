"""Products with several labels: how tables name them, which are classes, what the report says, how they are divided."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq

from latefusion.catalogue import (
    describe_catalogue,
    leave_out_rare,
    read_catalogue,
    read_test_labels,
)
from latefusion.config import CatalogueConfig, Split
from latefusion.dataset.duplicate_report import report_duplicates
from latefusion.dataset.duplicates import Duplicates
from latefusion.dataset.split import (
    assign_folds,
    assign_held_out_folds,
    label_matrix,
    split_products,
    stratified_sample,
)
from latefusion.utils.errors import InputError
from latefusion.utils.labels import each_label, label_sets, without_labels

ROWS = {"a": ["Wrist Watches", "Watches"], "b": [], "c": ["Baby, Care"], "d": ["Watches", "7"]}


def rows(join) -> pd.DataFrame:
    return pd.DataFrame({"id": list(ROWS), "title": "lamp", "label": [join(labels) for labels in ROWS.values()]})


def configured(root, name: str, **keys) -> CatalogueConfig:
    columns = {"description": None, "image": None} | keys.pop("columns", {})
    return CatalogueConfig(format="table", root=root, products=name, columns=columns, **{"labels": "several"} | keys)


def read(root, name: str, **keys) -> list[list[str]]:
    labels = read_catalogue(configured(root, name, **keys))["label"]
    return [[] if pd.isna(cell) else cell.split("\n") for cell in labels]


# ---- reading


def test_every_way_in_which_tables_name_several_labels_is_read(tmp_path):
    expected = list(ROWS.values())
    rows(" | ".join).to_csv(tmp_path / "bars.csv", index=False)
    assert read(tmp_path, "bars.csv", label_separator="|") == expected
    rows("\r\n".join).to_csv(tmp_path / "lines.csv", index=False)
    assert read(tmp_path, "lines.csv") == expected
    rows(json.dumps).to_csv(tmp_path / "json.csv", index=False)
    assert read(tmp_path, "json.csv", label_separator=",") == expected  # no list is split again
    rows(list).to_json(tmp_path / "lists.jsonl", orient="records", lines=True)
    assert read(tmp_path, "lists.jsonl") == expected
    pq.write_table(pa.Table.from_pandas(rows(list)), tmp_path / "lists.parquet")
    assert read(tmp_path, "lists.parquet") == expected
    rows("+".join).to_csv(tmp_path / "one.csv", index=False)
    assert read(tmp_path, "one.csv")[0] == ["Wrist Watches+Watches"]  # nothing is split that nobody named


def test_numbers_in_lists_are_labels_and_repeated_ones_count_once(tmp_path):
    table = pd.DataFrame({"id": ["a", "b", "c"], "title": "x", "label": ["[10, 2280]", "3; 3 ;10;", ";"]})
    table.to_csv(tmp_path / "p.csv", index=False)
    assert read(tmp_path, "p.csv", label_separator=";") == [["10", "2280"], ["3", "10"], []]


def test_a_list_where_one_label_is_expected_is_refused_and_the_key_named(tmp_path):
    rows(list).to_json(tmp_path / "lists.jsonl", orient="records", lines=True)
    with pytest.raises(
        InputError, match=r"lists\.jsonl, line 1: 'label' holds a list.*(?s:.)*catalogue\.labels: several"
    ):
        read(tmp_path, "lists.jsonl", labels="one")


def test_spellings_are_compared_label_by_label(tmp_path):
    table = pd.DataFrame({"id": ["a", "b"], "title": "x", "label": ["Lamps|Toys", "Chairs|toys"]})
    table.to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(InputError, match=r"line 2: id a has 'Toys'\n.*line 3: id b has 'toys'"):
        read(tmp_path, "p.csv", label_separator="|")


@pytest.mark.parametrize("layout", ["sigir", "ens"])
def test_the_layouts_of_the_challenge_have_one_label(layout, tmp_path):
    with pytest.raises(ValueError, match="labels: only for format table"):
        CatalogueConfig(format=layout, root=tmp_path, labels="several")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcde"), unique=True), min_size=1))
def test_labels_one_by_one_are_those_of_the_cells(lists):
    cells = pd.Series(["\n".join(labels) or None for labels in lists], dtype="str")
    each = each_label(cells, several=True)
    assert [each[each.index == row].tolist() for row in cells.index] == lists
    assert label_sets(cells, several=True).nunique() == len({frozenset(labels) for labels in lists if labels})
    left = without_labels(cells, ["a", "b"], several=True)
    assert [[] if pd.isna(cell) else cell.split("\n") for cell in left] == [
        [label for label in labels if label not in "ab"] for labels in lists
    ]


# ---- rare labels

SHOP = [
    "id,title,label,split",
    "p1,x,A|B,train",
    "p2,x,A,train",
    "p3,x,B|C,valid",
    "p4,x,C,test",
    "p5,x,C,train",
    "p6,x,,test",
]


def shop(root, **keys) -> CatalogueConfig:
    (root / "p.csv").write_text("\n".join(SHOP) + "\n")
    return configured(root, "p.csv", label_separator="|", columns={"split": "split"}, **keys)


def test_labels_of_too_few_products_to_train_on_are_left_out_and_nothing_goes_silently(tmp_path):
    catalogue = shop(tmp_path, min_products=2)
    products, issues, left_out = leave_out_rare(read_catalogue(catalogue), catalogue)
    assert products["label"].to_dict() == {"p1": "A", "p2": "A", "p6": pytest.approx(np.nan, nan_ok=True)}
    assert left_out.to_dict() == {"B": 1, "C": 1}
    assert issues["id"].to_dict() == {"p.csv, line 4": "p3", "p.csv, line 5": "p4", "p.csv, line 6": "p5"}
    assert set(issues["action"]) == {"dropped"}
    assert issues["reason"].iloc[0] == "no label left, fewer than 2 products have B, C"
    found = describe_catalogue(
        products, issues=issues, bad_images=pd.DataFrame(), others=pd.DataFrame(index=products.index),
        left_out=left_out, several=True,
    )  # fmt: skip
    lines = [line for _, lines in found for line in lines]
    assert any("catalogue.min_products): 'B' 1, 'C' 1" in line for line in lines)
    assert any("3 rows dropped (no label left 3)" in line for line in lines)


def test_rare_labels_are_left_out_of_products_with_one_label_too(tmp_path):
    (tmp_path / "p.csv").write_text("id,title,label\np1,x,A|B\np2,x,C\np3,x,C\np4,x,\n")
    catalogue = configured(tmp_path, "p.csv", labels="one", min_products=2)
    products, issues, left_out = leave_out_rare(read_catalogue(catalogue), catalogue)
    assert list(products.index) == ["p2", "p3", "p4"]
    assert (issues["id"].tolist(), left_out.to_dict()) == (["p1"], {"A|B": 1})


def test_without_a_limit_all_products_stay_and_a_limit_that_no_label_reaches_is_refused(tmp_path):
    products = read_catalogue(shop(tmp_path))
    assert leave_out_rare(products, shop(tmp_path)).products.equals(products)
    with pytest.raises(InputError, match=r"min_products 3: no label .* the most frequent, 'A', has 2: lower it"):
        leave_out_rare(products, shop(tmp_path, min_products=3))


# ---- the labels of the test set


def truth(root, *lines: str, **keys) -> tuple[CatalogueConfig, pd.DataFrame]:
    (root / "truth.csv").write_text("\n".join(["id,labels", *lines]) + "\n")
    (root / "p.csv").write_text("id,title,label\np1,x,A|B\np2,x,A|C\np3,x,A\np4,x,\np5,x,\n")
    catalogue = configured(root, "p.csv", label_separator="|", test_labels="truth.csv", **keys)
    return catalogue, leave_out_rare(read_catalogue(catalogue), catalogue).products


def test_test_labels_may_be_several_and_those_that_are_no_classes_are_ignored(tmp_path, caplog):
    labels = read_test_labels(*truth(tmp_path, "p4,C | A", "p5,B"))
    assert labels.to_dict() == {"p4": "C\nA", "p5": "B"}
    assert not caplog.messages
    labels = read_test_labels(*truth(tmp_path, "p4,C | A", "p5,B", min_products=2), ["B", "C"])
    assert labels.to_dict() == {"p4": "A"}
    (message,) = (text for text in caplog.messages if "test products" in text)
    assert message.startswith("1 of 2 test products are not scored")
    assert "'B'" in message
    assert "'C'" not in message


@pytest.mark.parametrize(
    ("line", "expected"),
    [("p4,A|D", "id p4 has 'D'"), ("p4,A|b", "id p4 has 'b', products have 'B'"), ("p4,|", "Test products without")],
)
def test_wrong_test_labels_are_named_one_by_one(tmp_path, line, expected):
    with pytest.raises(InputError) as caught:
        read_test_labels(*truth(tmp_path, line))
    assert expected in str(caught.value)


# ---- the report


def describe(cells: list[str], *, several: bool, others: dict | None = None) -> str:
    index = pd.Index([f"p{number}" for number in range(len(cells))], name="id")
    products = pd.DataFrame({"title": "x", "description": None, "image": None, "split": "train"}, index, dtype="str")
    products["label"] = pd.array(cells, dtype="str")
    found = describe_catalogue(
        products, issues=pd.DataFrame({"action": [], "reason": []}, dtype="str"), bad_images=pd.DataFrame(),
        others=pd.DataFrame(others or {}, index, dtype="str"), several=several,
    )  # fmt: skip
    return "\n".join(f"{headline}: {line}" for headline, lines in found for line in lines)


def test_the_report_counts_labels_and_names_those_that_imply_another():
    cells = ["A\nB", "A\nB", "A\nB\nC", "B\nC", "B\nC", "D", "D", "D\nA", "D"]
    found = describe(cells, several=True)
    assert "4 classes, with 3 to 5 products" in found
    assert "1.78 labels per product on average; the most are 3, of id p2" in found
    assert "1 labels never occur without another (products): 'C' with 'B' (3)" in found


def test_of_labels_that_imply_several_the_rarest_is_named():
    found = describe(["Home\nTextiles\nTowels"] * 3 + ["Home\nTextiles", "Home", "Toys"], several=True)
    assert (
        "2 labels never occur without another (products): 'Textiles' with 'Home' (4), 'Towels' with 'Textiles' (3)"
        in found
    )


def test_a_column_that_holds_one_of_the_labels_tells_them():
    cells, main = ["Home\nTowels", "Home\nLamps", "Toys\nDolls"], ["home", "home goods", "toys"]
    assert "'main': the label in other words" in describe(cells, several=True, others={"main": main})


@pytest.mark.parametrize(
    ("cells", "several", "keys"),
    [
        (["a|b", "b|c", "a|c"], False, ["catalogue.labels: several", 'catalogue.label_separator: "|"']),
        (["a|b", "b|c", "a|c"], True, ['set catalogue.label_separator: "|"']),
        (["a\nb", "b\nc", "a"], False, ["set catalogue.labels: several"]),
        (['["a", "b"]', '["b"]', "c"], False, ["set catalogue.labels: several"]),
        (["['a', 'b']", "['b']", "c"], True, ["are no JSON"]),
    ],
)
def test_the_report_says_which_keys_to_set_if_labels_look_like_lists(cells, several, keys):
    found = describe(cells, several=several)
    assert "Please check" in found
    assert all(key in found for key in keys)


def test_near_duplicates_agree_whatever_the_order_of_their_labels():
    labels = pd.Series(["A\nB", "B\nA", "A", "A\nB"], dtype="str")
    duplicates = Duplicates(np.array([0, 0, 1, 1]), np.full(4, -1), np.empty((0, 2), np.int64))
    splits = {"stratified": pd.Series(["train"] * 4)}
    report = report_duplicates(duplicates, labels, splits, several=True)
    assert report["groups_of_several_labels"] == {"groups": 1, "products": 2}


# ---- splits and folds


def draw(n_products: int, num_classes: int, seed: int, mean: int = 3) -> pd.DataFrame:
    """Products with up to `mean` labels, some common, most rare; every class has a product."""
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(1, num_classes + 1)
    drawn = rng.choice(num_classes, (n_products, mean), p=frequency / frequency.sum())
    drawn[:num_classes, 0] = np.arange(num_classes)
    labels = pd.array(["\n".join(dict.fromkeys(map(str, row))) for row in drawn], dtype="str")
    index = pd.Index([f"p{number}" for number in range(n_products)], name="id", dtype="str")
    return pd.DataFrame({"label": labels, "split": pd.Series(None, index, dtype="str")}, index)


def some_groups(products: pd.DataFrame, size: int) -> pd.Series:
    return pd.Series(np.random.default_rng(1).permutation(len(products)) // size, products.index)


CATALOGUES = st.tuples(st.integers(60, 200), st.integers(2, 40), st.integers(0, 5), st.integers(1, 4))


@settings(max_examples=25, deadline=None)
@given(CATALOGUES, st.sampled_from([1, 3]), st.sampled_from(["random", "order", "time"]))
def test_every_label_is_trained_on_groups_stay_together_and_the_shares_are_about_right(drawn, size, by):
    products = draw(*drawn)
    groups = None if size == 1 else some_groups(products, size)
    times = pd.Series(np.random.default_rng(2).random(len(products)), products.index) if by == "time" else None
    split = Split(by=by, valid_fraction=0.2, test_fraction=0.2)
    splits = split_products(products, split, groups, times, several=True)
    each = each_label(products["label"], several=True)
    assert set(each[splits[each.index] == "train"]) == set(each)
    assert groups is None or (splits.groupby(groups).nunique() == 1).all()
    assert splits.equals(split_products(products, split, groups, times, several=True))
    n_kept = each.nunique() * size  # at most: one unit for each label
    for name in ("valid", "test"):
        assert min(0.2 * len(products), (len(products) - n_kept) / 2) - 10 <= (splits == name).sum()
        assert (splits == name).sum() <= 0.2 * len(products) + 10


@settings(max_examples=25, deadline=None)
@given(CATALOGUES, st.sampled_from([1, 3]), st.booleans())
def test_what_a_fold_holds_out_is_known_to_the_others(drawn, size, nested):
    products = draw(*drawn).assign(split="train")
    products["group"] = some_groups(products, size)
    split = Split(n_folds=4, nested=nested, group_duplicates=size > 1)
    folds = assign_held_out_folds(products, split, several=True)
    each = each_label(products["label"], several=True)
    of_labels = folds[each.index]
    for fold in range(4):
        for other in range(4) if nested else [fold]:
            trained = ~of_labels.isin([fold, other]).to_numpy()
            assert set(each[trained]) == set(each)
    if size > 1:
        held_out = folds.groupby(products["group"])
        assert ((held_out.nunique() == 1) & (held_out.count() == size) | (held_out.count() == 0))[
            : len(products) // size
        ].all()


@pytest.mark.parametrize("seed", range(3))
def test_folds_are_even_in_every_label_where_the_rarest_label_alone_does_not_make_them_so(seed):
    labels = label_matrix(draw(2000, 50, seed)["label"])
    rarest = label_matrix(draw(2000, 50, seed)["label"]).toarray()
    rarest = np.where(rarest > 0, rarest.sum(axis=0), len(rarest)).argmin(axis=1)
    sizes = labels.sum(axis=0)

    def unevenness(folds: np.ndarray) -> float:
        """Return the mean over labels and folds of the difference to an even share."""
        held = np.stack([labels[folds == fold].sum(axis=0) for fold in range(5)])
        return np.abs(held - sizes / 5).mean()

    folds = assign_folds(labels, 5, seed)
    assert unevenness(folds) < 0.6 * unevenness(assign_folds(rarest, 5, seed))
    assert unevenness(folds) < 0.9
    assert np.ptp(np.bincount(folds)) < 20
    assert (folds == assign_folds(labels.toarray().astype(np.int8), 5, seed)).all()  # dense or sparse
    assert (folds != assign_folds(labels, 5, seed + 1)).any()


def test_one_label_each_is_spread_as_evenly_as_by_the_folds_of_one_label():
    labels = label_matrix(pd.Series(np.repeat(["a", "b", "c", "d"], [100, 33, 7, 1]), dtype="str"))
    folds = assign_folds(labels, 4, 0)
    held = np.stack([labels[folds == fold].sum(axis=0) for fold in range(4)])
    assert np.ptp(held, axis=0).max() <= 1
    assert np.ptp(np.bincount(folds)) <= 2


def test_small_labels_give_neither_too_much_nor_too_little_to_small_splits():
    """Plain iterative stratification deals four products of five to train, and of three none to valid."""
    labels = [f"c{number}" for number in range(300) for _ in range(2 + number % 5)]
    index = pd.Index([f"p{number}" for number in range(len(labels))], name="id", dtype="str")
    products = pd.DataFrame(
        {"label": pd.array(labels, dtype="str"), "split": pd.Series(None, index, dtype="str")}, index
    )
    splits = split_products(products, Split(valid_fraction=0.1, test_fraction=0.1), several=True)
    assert (splits == "valid").sum() == pytest.approx(0.1 * len(labels), abs=3)
    assert (splits == "test").sum() == pytest.approx(0.1 * len(labels), abs=3)


def test_a_sample_keeps_every_label_of_which_it_can_and_whole_groups():
    products = draw(1000, 40, 0)
    groups = some_groups(products, 2).to_numpy()
    labels = label_matrix(products["label"])
    sample = stratified_sample(labels, 300, 0, groups)
    assert len(sample) == pytest.approx(300, abs=60)
    assert set(np.flatnonzero(np.isin(groups, groups[sample]))) == set(sample)
    assert (labels[sample].sum(axis=0) > 0).all()
    assert (stratified_sample(labels, 1000, 0) == np.arange(1000)).all()


def test_splits_that_the_catalogue_assigns_to_all_products_are_kept():
    products = pd.DataFrame({"label": ["a\nb", "a", "b"], "split": ["train", "train", "test"]}, index=list("xyz"))
    assert split_products(products, Split(n_folds=2), several=True).tolist() == ["train", "train", "test"]

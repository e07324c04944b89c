"""The columns of predictions of several labels."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from latefusion.metrics.decisions import decide
from latefusion.tables.predictions import joined, label_lines, separator_of, several_columns

CLASSES = ["lamp", "mug", "red", "shoe", "toy"]


def test_all_assigned_labels_and_the_next_classes_are_in_the_order_of_their_probabilities():
    probs = np.array([[0.1, 0.9, 0.6, 0.2, 0.3], [0.1, 0.1, 0.1, 0.2, 0.1], [0.6, 0.7, 0.8, 0.9, 0.2]], np.float32)
    columns = pd.DataFrame(several_columns(decide(probs, several=True), probs, CLASSES)).to_dict("list")
    assert columns["label"] == [["mug", "red"], ["shoe"], ["shoe", "red", "mug", "lamp"]]
    assert columns["next_labels"] == [["toy", "shoe", "lamp"], ["lamp", "mug", "red"], ["toy"]]
    assert columns["confidence"] == pytest.approx([0.9, 0.2, 0.9])
    assert [len(own) for own in columns["confidences"]] == [2, 1, 4]
    assert columns["next_confidences"][0] == pytest.approx([0.3, 0.2, 0.1])
    assert label_lines(decide(probs, several=True), probs, CLASSES) == ["mug\nred", "shoe", "shoe\nred\nmug\nlamp"]


def test_the_first_decided_label_is_first_whatever_its_probability():
    preds = np.array([[1, 2, 0, 0, 0]], np.int8)
    columns = several_columns(preds, np.array([[0.8, 0.7, 0.75, 0.1, 0.0]]), CLASSES)
    columns = pd.DataFrame(columns).to_dict("list")
    assert columns["label"] == [["mug", "lamp"]]
    assert (columns["confidence"], columns["confidences"]) == ([0.7], [[0.7, 0.8]])
    assert columns["next_labels"] == [["red", "shoe", "toy"]]


def test_lists_are_joined_and_read_back_from_parquet_alike(tmp_path):
    probs = np.random.default_rng(0).random((40, 5)).astype(np.float32)
    table = pd.DataFrame(several_columns(decide(probs, several=True), probs, CLASSES))
    text = joined(table, "|")
    assert text["label"].str.split("|").tolist() == table["label"].tolist()
    first = text["confidences"].str.partition("|")[0].astype(float)
    np.testing.assert_allclose(first, table["confidence"], atol=1e-6)
    table.to_parquet(tmp_path / "table.parquet")
    assert joined(pd.read_parquet(tmp_path / "table.parquet"), "|").equals(text)
    nothing = pd.DataFrame(several_columns(np.zeros((0, 5), np.int8), probs[:0], CLASSES))
    assert joined(nothing, "|").dtypes.equals(text.dtypes)


NAMES = st.text("a|;1", min_size=1, max_size=4)


@example(["a|", "b"], "||")  # "a|" + "||" + "b" would be read as "a" and "|b"
@example(["a"], ".")
@settings(max_examples=50)
@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), st.text("a|;1.", min_size=1, max_size=3))
def test_joined_labels_and_confidences_can_be_split_again(classes, configured):
    separator, lists = separator_of(classes, configured), [list(labels) for labels in product(classes, repeat=3)]
    cells = joined(pd.DataFrame({"label": lists, "confidences": [[0.5, 0.25, 0.125]] * len(lists)}), separator)
    assert [cell.split(separator) for cell in cells["label"]] == lists
    assert list(map(float, cells["confidences"].iloc[0].split(separator))) == [0.5, 0.25, 0.125]


def test_a_separator_that_splits_the_classes_is_kept():
    assert separator_of(["a", "b|c"], "||") == "||"

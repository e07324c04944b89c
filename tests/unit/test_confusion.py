"""Confusions: counted, ordered so that confused classes are neighbours, grouped, and listed with their products."""

import numpy as np
import pytest

from latefusion.scores.confusion import (
    confused_groups,
    confused_pairs,
    confusion_counts,
    group_recall,
    most_confused,
    neighbour_order,
    row_shares,
)

# Classes 0 and 3 are confused with each other, 1 and 4 a little, 2 is always right, 5 has no products.
COUNTS = np.array(
    [
        [6, 0, 0, 4, 0, 0],
        [0, 9, 0, 0, 1, 0],
        [0, 0, 10, 0, 0, 0],
        [30, 0, 0, 70, 0, 0],
        [0, 2, 0, 0, 18, 0],
        [0, 0, 0, 0, 0, 0],
    ]
)


def test_products_of_unknown_label_are_not_counted():
    counts = confusion_counts(np.array([0, 1, -1, 2, 1]), np.array([0, 2, 1, 2, 2]), 3)
    assert counts.tolist() == [[1, 0, 0], [0, 0, 2], [0, 0, 1]]


def test_shares_of_a_class_sum_to_one_and_an_empty_class_has_none():
    assert row_shares(COUNTS).sum(axis=1).tolist() == [1, 1, 1, 1, 1, 0]


def test_confused_classes_are_neighbours():
    order = neighbour_order(row_shares(COUNTS)).tolist()
    assert sorted(order) == [0, 1, 2, 3, 4, 5]
    assert abs(order.index(0) - order.index(3)) == 1
    assert abs(order.index(1) - order.index(4)) == 1
    assert [neighbour_order(np.eye(n)).tolist() for n in (0, 1, 2)] == [[], [0], [0, 1]]


def test_the_most_confused_classes_have_the_most_errors_given_or_received():
    assert most_confused(COUNTS, 3).tolist() == [0, 3, 1]


def test_groups_are_classes_that_are_confused_at_least_so_much():
    assert [group.tolist() for group in confused_groups(COUNTS, 0.03)] == [[0, 3], [1, 4]]
    assert [group.tolist() for group in confused_groups(COUNTS, 0.2)] == [[0, 3]]
    assert confused_groups(COUNTS, 0.5) == []
    assert [group.tolist() for group in confused_groups(COUNTS, 0.03, limit=2)] == [[0, 3]]
    assert confused_groups(np.array([[3]]), 0.03) == []


def test_a_class_that_is_missed_is_still_found_in_its_group():
    recall = group_recall(COUNTS, [np.array([0, 3]), np.array([5])])
    assert recall.loc[0].tolist() == [110, pytest.approx(76 / 110), 1.0]
    assert recall.loc[1].tolist() == [0, 0, 0]


def test_pairs_come_most_frequent_first_with_their_share_of_the_class():
    pairs = confused_pairs(COUNTS, list("abcdef"))
    assert pairs[["label", "taken_for", "n"]].to_numpy().tolist() == [
        ["d", "a", 30], ["a", "d", 4], ["e", "b", 2], ["b", "e", 1],
    ]  # fmt: skip
    assert pairs["share"].tolist() == pytest.approx([0.3, 0.4, 0.1, 0.1])
    assert confused_pairs(np.diag([1, 2]), ["a", "b"]).empty

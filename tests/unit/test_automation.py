"""Confidence thresholds are right as often as they promise, on the products that they were learnt on."""

import numpy as np
import pytest
from helpers.results import MadeUp, draw_labels, make_up
from hypothesis import given
from hypothesis import strategies as st

from latefusion.metrics.thresholds import TARGETS, find_threshold
from latefusion.scores.automation import automation_table
from latefusion.scores.report import automation_section, automation_sentence
from latefusion.scores.submitted import read_submitted


@pytest.mark.parametrize(
    ("confidence", "right", "target", "threshold"),
    [
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1], 0.9, 0.8),
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1], 0.75, 0.6),
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 1, 1], 0.99, 0.6),  # all of them: at the lowest confidence that was seen
        ([0.9, 0.8, 0.7, 0.6], [0, 1, 1, 1], 0.75, 0.6),  # the surest is wrong: the largest share that is right enough
        ([0.9, 0.8, 0.7, 0.6], [0, 1, 1, 1], 0.9, None),
        ([0.9, 0.9, 0.9, 0.6], [1, 1, 0, 1], 0.9, None),  # of equal confidences all are accepted, or none
        ([0.9, 0.9, 0.9, 0.6], [1, 1, 0, 1], 0.6, 0.6),
        ([0.932191, 0.5], [1, 0], 0.98, 0.9321),  # rounded down: the product is accepted
        ([0.9, 0.89999, 0.5], [1, 0, 0], 0.9, 0.9),
        ([0.99994, 0.99992], [1, 0], 0.9, None),  # four decimals cannot tell them apart
        ([1.0, 1.0], [1, 1], 0.99, 1.0),
        ([0.5], [0], 0.9, None),
        ([], [], 0.9, None),
    ],
)
def test_thresholds_of_hand_made_data(confidence, right, target, threshold):
    found = find_threshold(np.array(confidence), np.array(right, dtype=bool), target)
    assert (None if np.isnan(found) else found) == threshold


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=1), st.sampled_from(TARGETS))
def test_no_other_threshold_accepts_more_and_is_right_enough(products, target):
    confidence, right = (
        np.array([number / 1000 for number, _ in products]),
        np.array([is_right for _, is_right in products]),
    )
    found = find_threshold(confidence, right, target)
    good = {
        number: int((confidence >= number / 1000).sum())
        for number in range(1001)
        if (confidence >= number / 1000).any() and right[confidence >= number / 1000].mean() >= target
    }
    assert np.isnan(found) == (not good)
    if good:
        assert right[confidence >= found].mean() >= target
        assert (confidence >= found).sum() == max(good.values())
        assert found in confidence


def test_a_share_is_right_enough_whatever_the_rounding():
    """0.98 * 150 is 147 and a rounding error."""
    for n in range(100, 1000, 100):
        for target in TARGETS:
            right = np.arange(n) < round(target * n)
            assert right.mean() == pytest.approx(target)
            assert find_threshold(np.full(n, 0.8), right, target) == 0.8


@pytest.fixture
def submitted(tmp_path, monkeypatch):
    """One expert that knows when it is sure: half of its decisions are always right, the others for two thirds."""
    made_up = make_up(tmp_path, monkeypatch, n=600, policies={"only": {"kind": "mean", "experts": ["words"]}})
    tables = {}
    for split, targets in made_up.targets.items():
        sure = np.arange(600) % 2 == 0
        right = sure | (draw_labels(600, 3, seed=5) > 0)
        tables[split] = np.full((600, 4), 0.0, dtype=np.float32)
        preds = np.where(right, targets, (targets + 1) % 4)
        tables[split][np.arange(600), preds] = np.where(sure, 0.9, 0.5)
        tables[split][np.arange(600), (preds + 2) % 4] = np.where(sure, 0.1, 0.5)
    made_up.write("words", tables)
    made_up.submit()
    return read_submitted(made_up.results)


def test_the_table_has_what_thresholds_give_on_both_splits(submitted):
    table = automation_table(submitted).set_index(["target", "split"])
    assert set(table.index) == {(target, split) for target in TARGETS for split in ("valid", "test")}
    for target, split in table.index:
        row = table.loc[target, split]
        if split == "valid":
            assert row["right"] >= target
            continue
        accepted = submitted.confidence(split) >= row["threshold"]
        right = submitted.preds(split) == submitted.results.targets[split]
        assert (row["accepted"], row["n"]) == (accepted.sum(), 600)
        assert (row["share"], row["right"]) == pytest.approx((accepted.mean(), right[accepted].mean()))
    assert table.loc[0.99, "test"]["accepted"] == 300
    assert table.loc[0.99, "test"]["right"] == 1


def test_one_sentence_says_what_can_be_automated(submitted):
    table = automation_table(submitted)
    threshold = table.loc[table["target"] == 0.98, "threshold"].iloc[0]
    sentence = (
        f"At 98 % right, 50 % of products can be automated: accept predictions with confidence {threshold:.4f} or more."
    )
    assert automation_sentence(table, "valid") == sentence
    section = automation_section(submitted.results, table)
    assert sentence in section
    assert "600 valid and 600 test products" in section
    row = next(line for line in section.splitlines() if line.startswith("| 98 %"))
    assert [cell.strip() for cell in row.split("|")[3:-1]] == ["50.00", "100.00", "50.00", "100.00"]


@pytest.mark.parametrize(
    ("reached", "sentence"),
    [
        ([0.9, 0.95], "At 95 % right, 40 % of products"),
        ([0.9, 0.95, 0.98, 0.99], "At 98 % right, 40 % of products"),
        ([0.99], "At 99 % right, 40 % of products"),
        ([], "No confidence is high enough to be right for 90 % of the products."),
    ],
)
def test_thresholds_that_do_not_exist_are_said_not_to(submitted, reached, sentence):
    table = automation_table(submitted)
    missing = ~table["target"].isin(reached)
    table["share"] = 0.4
    table.loc[missing, ["threshold", "right"]] = np.nan
    table.loc[missing, "share"] = 0.0
    assert automation_sentence(table, "valid").startswith(sentence)
    section = automation_section(submitted.results, table)
    for target in set(TARGETS) - set(reached):
        row = next(line for line in section.splitlines() if line.startswith(f"| {100 * target:.0f} %"))
        assert [cell.strip() for cell in row.split("|")[2:-1]] == ["-", "0.00", "-", "0.00", "-"]


def test_without_test_labels_the_table_has_one_split(submitted):
    results = (
        MadeUp(submitted.results.experiment, submitted.results.dataset).with_test_labels(lambda labels: None).results
    )
    table = automation_table(read_submitted(results))
    assert set(table["split"]) == {"valid"}
    assert "no test label is known" in automation_section(results, table)


def test_nothing_submitted_gives_no_table():
    assert automation_table(None).empty
    assert automation_section(None, automation_table(None)) == ""

"""Confidence thresholds are right as often as they promise, on the products that they were learnt on."""

import json

import numpy as np
import pytest
from helpers.results import SEVERAL, MadeUp, draw_labels, make_up
from hypothesis import given
from hypothesis import strategies as st

from latefusion.metrics.thresholds import TARGETS, as_written, find_threshold, threshold_of_share
from latefusion.report.facts import _coverage
from latefusion.scores.automation import COVERAGES, SETS, automation_table, coverage_table, learnt_thresholds
from latefusion.scores.report import automation_section, automation_sentence
from latefusion.scores.submitted import read_submitted
from latefusion.service.schema import ModelAnswer, prediction_type


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
        f"Of the 600 valid products, 50 % had a confidence of {threshold:.4f} or more, and 100.0 % of these were "
        "right, out of fold; of the 600 test products, 50 %, and 100.0 [98.7, 100.0] % of these. The threshold was "
        "chosen on the valid products, for 98 %: new products are right about as often only if they are like them."
    )
    assert automation_sentence(table, "valid", "test") == sentence
    section = automation_section(submitted.results, table, coverage_table(submitted))
    assert sentence in section
    assert "600 valid and 600 test products" in section
    row = next(line for line in section.splitlines() if line.startswith("| 98 %"))
    assert [cell.strip() for cell in row.split("|")[3:-1]] == ["50.00", "100.00", "50.00", "100.00"]


@pytest.mark.parametrize(
    ("reached", "sentence"),
    [
        ([0.9, 0.95], "for 95 %:"),
        ([0.9, 0.95, 0.98, 0.99], "for 98 %:"),
        ([0.99], "for 99 %:"),
        ([], "No confidence is high enough to be right for 90 % of the products."),
    ],
)
def test_thresholds_that_do_not_exist_are_said_not_to(submitted, reached, sentence):
    table = automation_table(submitted)
    missing = ~table["target"].isin(reached)
    table["share"] = 0.4
    table.loc[missing, ["threshold", "right"]] = np.nan
    table.loc[missing, "share"] = 0.0
    assert sentence in automation_sentence(table, "valid", "test")
    section = automation_section(submitted.results, table, coverage_table(submitted))
    for target in set(TARGETS) - set(reached):
        row = next(line for line in section.splitlines() if line.startswith(f"| {100 * target:.0f} %"))
        assert [cell.strip() for cell in row.split("|")[2:-1]] == ["-", "0.00", "-", "0.00", "-"]


def test_without_test_labels_the_table_has_one_split(submitted):
    results = (
        MadeUp(submitted.results.experiment, submitted.results.dataset).with_test_labels(lambda labels: None).results
    )
    table = automation_table(read_submitted(results))
    assert set(table["split"]) == {"valid"}
    coverage = coverage_table(read_submitted(results))
    assert set(coverage["split"]) == {"valid"}
    assert "no test label is known" in automation_section(results, table, coverage)


def test_nothing_submitted_gives_no_table():
    assert automation_table(None).empty
    assert automation_section(None, automation_table(None), coverage_table(None)) == ""


@given(st.lists(st.integers(0, 1_000_000), min_size=1), st.sampled_from([0.01, 0.5, 0.9, 1.0]))
def test_the_threshold_of_a_share_accepts_it_and_a_higher_one_would_not(numbers, share):
    confidence = np.array(numbers) / 1_000_000
    threshold = threshold_of_share(confidence, share)
    assert (confidence >= threshold).mean() >= share - 1e-9
    assert (confidence >= threshold + 1.1e-4).mean() < share


def test_each_coverage_accepts_its_share_where_it_was_learnt_and_says_what_is_right(submitted):
    table = coverage_table(submitted).set_index(["coverage", "split"])
    for coverage in COVERAGES:
        assert table.loc[(coverage, "valid"), "share"] >= coverage
    assert table.loc[(0.5, "test"), "right"] == 1
    everything = table.loc[(1.0, "test")]
    assert everything["accepted"] <= everything["n"] == 600
    assert table.loc[(1.0, "valid"), "right"] < 0.9


def test_thresholds_come_from_the_confidences_that_are_kept(submitted):
    confidence, right = submitted.learnt_confidence
    for row in submitted.facts["automation"]:
        assert find_threshold(as_written(confidence), right, row["target"]) == row["threshold"]


# ---- several labels


@pytest.fixture
def of_several(tmp_path, monkeypatch):
    """The first label is right where an expert is sure; of half of these products another label is missed."""
    policies = {"only": {"kind": "mean", "experts": ["words"]}}
    made_up = make_up(tmp_path, monkeypatch, n=400, num_classes=6, **SEVERAL | {"policies": policies})
    tables = {}
    for split, targets in made_up.targets.items():
        probs = np.where(targets > 0, 0.8, 0.05) + np.linspace(0, 0.04, 6)
        first = probs.argmax(axis=1)
        sure = np.arange(400) % 2 == 0
        probs[np.arange(400), first] = np.where(sure, 0.99, 0.3)  # unsure: it is missed, and the others are found
        last = np.where(targets > 0, np.arange(6), -1).min(axis=1, where=targets > 0, initial=9)
        missed = sure & (np.arange(400) % 4 == 0) & (targets.sum(axis=1) > 1)
        probs[np.flatnonzero(missed), last[missed]] = 0.1
        wrong = ~sure & (np.arange(400) % 3 == 0)
        probs[np.flatnonzero(wrong)] = np.where(targets[wrong] > 0, 0.1, 0.6)
        tables[split] = probs.astype(np.float32)
    made_up.write("words", tables)
    made_up.submit()
    return read_submitted(made_up.results)


def test_of_several_labels_tables_say_how_right_the_sets_of_the_accepted_products_are(of_several):
    table = automation_table(of_several).set_index(["target", "split"])
    for target, split in [(0.98, "valid"), (0.98, "test")]:
        row = table.loc[target, split]
        targets, preds = (of_several.results.targets[split] > 0), of_several.preds(split) > 0
        confidence = of_several.learnt_confidence[0] if split == "valid" else of_several.confidence(split)
        accepted = as_written(confidence) >= row["threshold"]
        assert row["accepted"] == accepted.sum()
        assert row["right"] >= 0.98
        equal = [set(np.flatnonzero(a)) == set(np.flatnonzero(b)) for a, b in zip(targets, preds, strict=True)]
        assert row["sets_right"] == pytest.approx(np.mean(np.array(equal)[accepted]))
        assert row["sets_right"] < 0.9
        found = sum((a & b).sum() for a, b in zip(targets[accepted], preds[accepted], strict=True))
        assert row["labels_found"] == pytest.approx(found / targets[accepted].sum())
    everything = coverage_table(of_several).set_index(["coverage", "split"]).loc[1.0, "test"]
    assert everything["labels_found"] == pytest.approx(found_of_all(of_several, "test"), abs=0.02)


def found_of_all(submitted, split: str) -> float:
    targets = submitted.results.targets[split] > 0
    return (targets & (submitted.preds(split) > 0)).sum() / targets.sum()


def test_of_several_labels_all_claims_are_about_the_first(of_several):
    table = automation_table(of_several)
    row = table[(table["target"] == 0.98) & (table["split"] == "test")].iloc[0]
    sets = (
        f"the whole set of labels of {100 * row['sets_right']:.1f} %; {100 * row['labels_found']:.1f} % of their labels"
    )
    sentence = automation_sentence(table, "valid", "test")
    assert sentence.count("the first label of ") == 2
    assert f"({sets} were found)" in sentence
    assert "first labels of new products" in sentence
    section = automation_section(of_several.results, table, coverage_table(of_several))
    assert {"valid first right", "test set right", "test found"} <= {
        cell.strip() for cell in section.split("| target")[1].splitlines()[0].split("|")
    }
    (fact,) = _coverage(of_several, {"automation": table})
    assert "First label" in fact.name
    assert f"the first label of {100 * row['right']:.1f} % of them is right, {sets} are found" in fact.detail
    missing = table.assign(threshold=np.nan)
    assert "No confidence is high enough for a right first label" in automation_sentence(missing, "valid", "test")


def test_an_exported_model_has_the_same_shares(of_several):
    table = automation_table(of_several)
    table = table[table["split"] == "valid"]
    rows = learnt_thresholds(of_several)
    assert [row["sets_right"] for row in rows] == pytest.approx(table["sets_right"].tolist(), nan_ok=True)
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows


def test_an_exported_model_of_one_label_has_the_thresholds_of_the_job(submitted):
    assert learnt_thresholds(submitted) == submitted.facts["automation"]


def test_the_interface_of_the_service_says_that_the_first_label_is_accepted():
    fields = prediction_type(several=True, asks=False).model_fields
    assert "first label" in fields["accepted"].description
    assert all(name in ModelAnswer.model_fields["thresholds"].description for name in SETS)

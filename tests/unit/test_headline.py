"""The first sentence of scores.md: what is submitted, how good it is, and what it gains."""

import re

import pytest
from helpers.results import CNN, CONFIG, MadeUp, make_up

from latefusion.scores.headline import NOTHING
from latefusion.scores.write import write_scores


def report_of(made_up: MadeUp, accuracies: dict[str, float]) -> str:
    for name, accuracy in accuracies.items():
        made_up.draw(name, accuracy)
    made_up.submit()
    return write_scores(made_up.experiment, made_up.dataset)


def first_line(report: str) -> str:
    title, empty, line = report.splitlines()[:3]
    assert (title, empty) == ("# made", "")
    return line


ALL = dict.fromkeys(CONFIG["policies"], 0.5)


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        (
            {"words": 0.7, "letters": 0.6, "images": 0.8, "product": 0.95},
            r"Submitted is \*\*product\*\*, right for 95\.0 \[.*\] % of the 300 test products, with macro-F1 95\.\d "
            r"\[.*\]; "
            r"\+2\d\.\d \[.*\] points of macro-F1 over the best text expert \(words\); "
            r"\+1\d\.\d \[.*\] points of macro-F1 over the best single expert \(images\)\.",
        ),
        (
            {"words": 0.7, "letters": 0.6, "images": 0.5, "product": 0.95},
            r"Submitted is \*\*product\*\*.*; \+2\d\.\d \[.*\] points of macro-F1 over the best text expert and the "
            r"best single expert \(words\)\.",
        ),
        (
            {"words": 0.9, "letters": 0.6, "images": 0.5, "product": 0.6},
            r"Submitted is \*\*words\*\*.*; it is the best text expert and the best single expert\.",
        ),
        (
            {"words": 0.6, "letters": 0.5, "images": 0.9, "product": 0.7},
            r"Submitted is \*\*images\*\*.*; \+\d\d\.\d \[.*\] points of macro-F1 over the best text expert \(words\); "
            r"it is the best single expert\.",
        ),
    ],
)
def test_the_report_begins_with_what_is_submitted(tmp_path, monkeypatch, accuracies, expected):
    report = report_of(make_up(tmp_path, monkeypatch), ALL | accuracies)
    assert re.fullmatch(expected, first_line(report))
    name = re.search(r"\*\*(\w+)\*\*", first_line(report)).group(1)
    rows = [line for line in report.splitlines() if line.startswith("|") and f"| **{name}** " in line]
    assert len(rows) == 1
    assert report.count("| **") == 1  # no other row is marked
    assert f"on valid each of the 9 other methods is clearly worse than {name}, in macro-F1 or log loss" in report


def test_the_report_says_why_a_simple_method_was_chosen(tmp_path, monkeypatch):
    """Two experts are equal; logistic regression is a little better on other products, and not simpler."""
    made_up = make_up(tmp_path, monkeypatch)
    made_up.draw("logistic", 0.915, seed=5)
    accuracies = {name: accuracy for name, accuracy in ALL.items() if name != "logistic"}
    report = report_of(made_up, accuracies | {"words": 0.9, "letters": 0.9, "images": 0.5})
    reason = report.splitlines()[4]
    assert reason.startswith("`submit: best`: of 10 methods, 3 are not clearly worse than the best on valid, in m")
    assert "is the simplest of them (complexity: expert; macro-F1 " in reason
    assert re.search(
        r"logistic has the highest macro-F1 \(9\d\.\d\d\): the difference, \d\.\d\d, is not greater than", reason
    )
    assert "slightly too high, because the method was chosen by them" in reason


def test_without_a_text_expert_the_gain_is_over_the_best_single_expert(tmp_path, monkeypatch):
    policies = {"product": {"kind": "product", "experts": ["images", "other"]}}
    made_up = make_up(tmp_path, monkeypatch, experts={"images": CNN, "other": CNN}, policies=policies)
    line = first_line(report_of(made_up, {"images": 0.7, "other": 0.75, "product": 0.95}))
    assert "text expert" not in line
    assert re.search(r"; \+\d\d\.\d \[.*\] points of macro-F1 over the best single expert \(other\)\.$", line)


def test_gains_are_those_of_the_table_of_comparisons(tmp_path, monkeypatch):
    made_up = make_up(tmp_path, monkeypatch, submit="vote")
    report = report_of(made_up, ALL | {"words": 0.7, "letters": 0.6, "images": 0.5, "vote": 0.8})
    row = next(line for line in report.splitlines() if "| **vote** " in line)
    gain, low, high = (float(value) for value in re.findall(r"[+-]\d+\.\d\d", row))
    found = re.search(r"; ([+-]\d+\.\d) \[([+-]\d+\.\d), ([+-]\d+\.\d)\] points", first_line(report))
    assert [float(value) for value in found.groups()] == pytest.approx([gain, low, high], abs=0.051)
    assert "submit: best`: of" not in report


def test_unknown_test_labels_leave_the_scores_out_of_fold(tmp_path, monkeypatch):
    made_up = make_up(tmp_path, monkeypatch)
    for number, name in enumerate(["words", "letters"]):
        made_up.draw(name, 0.7 + 0.1 * number)
    unlabelled = made_up.with_test_labels(lambda labels: None)
    assert "of the 300 valid products" in first_line(report_of(unlabelled, {}))


def test_before_the_submission_is_done_the_report_says_so(tmp_path, monkeypatch):
    made_up = make_up(tmp_path, monkeypatch)
    made_up.draw("words", 0.7)
    report = write_scores(made_up.experiment, made_up.dataset)
    assert first_line(report) == NOTHING
    assert "**words**" not in report
    assert "submitted:" not in report


def test_without_a_vote_the_report_has_no_section_about_it(tmp_path, monkeypatch):
    policies = {"product": {"kind": "product", "experts": ["words", "images"]}}
    made_up = make_up(tmp_path, monkeypatch, policies=policies)
    report = report_of(made_up, {"words": 0.7, "letters": 0.6, "images": 0.8, "product": 0.95})
    assert "vote" not in report.replace("vote again", "")


def test_the_submitted_method_has_a_row_of_calibration(tmp_path, monkeypatch):
    """Beside the experts' rows, of the same name too, with the error before and after."""
    made_up = make_up(tmp_path, monkeypatch, n=1000)
    report = report_of(made_up, ALL | {"words": 0.95, "letters": 0.6, "images": 0.5})
    rows = {
        line.split("|")[1].strip(): [float(cell) for cell in line.split("|")[2:-1]]
        for line in report.split("## Calibration")[1].split("##")[0].splitlines()
        if line.startswith("|") and "ECE" not in line and "---" not in line
    }
    assert set(rows) == {"words", "letters", "images", "submitted: words"}
    before, after, _ = rows["submitted: words"]
    assert before == rows["words"][0] > 8 > 4 > after

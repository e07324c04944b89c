"""The six lines at the end of an experiment: what is submitted, its score, coverage and gain, and where all lies."""

import pandas as pd
import pytest
from helpers.results import SEVERAL, MadeUp, make_up

from latefusion.scores.write import write_scores
from latefusion.steps.finished import summary_path
from latefusion.steps.summary import NOTHING, write_summary
from latefusion.utils.files import read_json

TITLES = ["submitted", "score", "coverage", "over text", "predictions", "more"]


@pytest.fixture(autouse=True)
def _made_from(monkeypatch):
    monkeypatch.setattr("latefusion.steps.summary.describe_inputs", lambda experiment, done: "")  # no records, no git


def summary_of(made_up: MadeUp, accuracies: dict[str, float], **keywords) -> dict[str, str]:
    for name, accuracy in (dict.fromkeys(made_up.experiment.policies, 0.5) | accuracies).items():
        made_up.draw(name, accuracy, **keywords)
    made_up.submit()
    write_scores(made_up.experiment, made_up.dataset)
    lines = write_summary(made_up.experiment, made_up.dataset).splitlines()
    assert [line[:13].strip() for line in lines] == TITLES
    assert read_json(summary_path(made_up.experiment))["lines"] == lines[:4]
    return {line[:13].strip(): line[13:] for line in lines}


def scores_of(made_up: MadeUp, method: str, split: str) -> pd.Series:
    table = pd.read_csv(made_up.experiment.run_root / "scores/scores.csv")
    return table[(table["method"] == method) & (table["split"] == split)].set_index("metric")["value"]


def test_the_lines_say_what_the_score_tables_say(tmp_path, monkeypatch):
    made_up = make_up(tmp_path, monkeypatch)
    accuracies = {"words": 0.7, "letters": 0.6, "images": 0.8, "product": 0.95}
    lines = summary_of(made_up, accuracies, confidence=0.97)
    scores = scores_of(made_up, "product", "test")
    assert lines["submitted"].startswith("made: product, the simplest of the best of ")
    assert lines["score"].startswith(f"macro-F1 {100 * scores['macro_f1']:.1f} [")
    assert f", accuracy {100 * scores['accuracy']:.1f} [" in lines["score"]
    assert lines["score"].endswith("on 300 test products")
    gain = 100 * (scores["macro_f1"] - scores_of(made_up, "words", "test")["macro_f1"])
    assert lines["over text"].startswith(f"{gain:+.1f} [")
    assert lines["over text"].endswith("points of macro-F1 over words, the best text expert")
    assert lines["predictions"] == "not written yet: src/09_predict.py does"
    assert lines["more"] == "scores submissions/made/scores.md, run folders weights/made"


def test_text_alone_may_be_submitted_and_confidence_may_promise_nothing(tmp_path, monkeypatch):
    lines = summary_of(make_up(tmp_path, monkeypatch), {"words": 0.9, "letters": 0.5, "images": 0.3, "product": 0.5})
    assert lines["over text"] == "nothing: words is the best text expert"


def test_without_test_labels_the_score_is_that_on_validation_products(tmp_path, monkeypatch):
    made_up = make_up(tmp_path, monkeypatch).with_test_labels(lambda labels: None)
    lines = summary_of(made_up, {"words": 0.7, "letters": 0.6, "images": 0.8, "product": 0.95})
    assert lines["score"].endswith("on 300 valid products, out of fold: no label of a test product is known")
    scores = scores_of(made_up, "product", "valid")
    assert lines["score"].startswith(f"macro-F1 {100 * scores['macro_f1']:.1f} [")


@pytest.mark.parametrize(("metric", "name"), [("auto", "micro-F1"), ("weighted_f1", "weighted F1")])
def test_of_several_labels_the_score_is_the_metric_of_the_config(tmp_path, monkeypatch, metric, name):
    made_up = make_up(tmp_path, monkeypatch, **SEVERAL | {"metric": metric})
    lines = summary_of(made_up, {"words": 0.7, "letters": 0.6, "images": 0.8, "product": 0.95})
    assert lines["score"].startswith(f"{name} ")
    assert ", accuracy " in lines["score"]
    assert f"points of {name} over words" in lines["over text"]


def test_nothing_may_be_submitted_yet(tmp_path, monkeypatch):
    made_up = make_up(tmp_path, monkeypatch)
    made_up.draw("words", 0.7)
    assert write_summary(made_up.experiment, made_up.dataset) == f"submitted    {NOTHING}"

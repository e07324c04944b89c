"""report.html: what users write is text, every number is one of the scores, and the lists hold the right products."""

import dataclasses
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from helpers.report import HOSTILE, LONG_ID, make_results, make_results_of_several_labels, write_report
from helpers.results import make_up

from latefusion.report import issues, products
from latefusion.report.charts import percent, score_rows
from latefusion.report.facts import headline_facts
from latefusion.report.thumbnails import draw_thumbnails
from latefusion.scores.submitted import read_submitted
from latefusion.scores.tables import score_table
from latefusion.tables.dataset import Dataset


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield make_results(tmp_path_factory.mktemp("report"), patch)


@pytest.fixture(scope="module")
def html(made) -> str:
    return write_report(made).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def data(html) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html)[1])


class Elements(HTMLParser):
    """Counts the elements of a page, and collects the addresses that they name."""

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.addresses = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]


def test_texts_of_users_are_no_elements_and_no_file_or_address_is_needed(html):
    page = Elements(html)
    assert page.tags.count("script") == 5
    assert not {"img", "b", "iframe"} & set(page.tags)
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert "default-src 'none'" in html
    assert html.count("&lt;b&gt;bold&lt;/b&gt;") > 10  # class names in tables


def test_the_values_hold_titles_ids_and_labels_unchanged(made, data):
    listed = data["mistakes"] + data["issues"]
    assert {HOSTILE, "", "x" * 159 + "…", "Läufer, 灯, 🪔"} == {product["title"] for product in listed}
    assert {LONG_ID, HOSTILE} <= set(made.dataset.products.index)
    assert data["classes"] == made.dataset.classes
    assert len(data["images"]) > 20
    shown = made.dataset.products["image"].reindex(list(data["images"]))
    assert set(shown) == {"image-0.jpg"}  # the others are missing or broken


def test_mistakes_are_all_wrong_decisions_of_the_final_split_the_most_confident_first(made, data):
    results = made.results
    submitted = read_submitted(results)
    wrong = submitted.preds("test") != results.targets["test"]
    table = made.dataset.evaluation_splits["test"][wrong]
    assert {product["id"] for product in data["mistakes"]} == set(table.index)
    assert data["n_mistakes"] == wrong.sum()
    confidences = [product["confidence"] for product in data["mistakes"]]
    assert confidences == sorted(confidences, reverse=True)
    experts = [expert["name"] for expert in data["experts"]]
    for product in data["mistakes"][:20]:
        row = made.dataset.evaluation_splits["test"].index.get_loc(product["id"])
        assert [made.dataset.classes[number] for number in product["label"]] == [table.loc[product["id"], "label"]]
        for name, (decided, confidence) in zip(experts, product["experts"], strict=True):
            probs = results.probs(results.method(name), "test")[row]
            assert decided == [probs.argmax()]
            assert confidence == pytest.approx(probs.max(), abs=1e-4)


def test_label_issues_are_those_of_denoising_and_confident_disagreement_and_never_of_the_test(made, data):
    found = {product["id"]: product for product in data["issues"]}
    assert {product["split"] for product in found.values()} == {"train", "valid"}
    flagged = {id_ for id_, product in found.items() if product["found"] == ["denoising"]}
    assert flagged == set(made.dataset.select("train").index)
    assert sum(product["removed"] for product in found.values()) == 5
    for product in found.values():
        assert product["given"] != product["suggested"]
        assert product["split"] == "train" or product["confidence"] >= issues.CONFIDENT
    suspicion = [product["confidence"] - product["given_prob"] for product in data["issues"]]
    assert suspicion == pytest.approx(sorted(suspicion, reverse=True), abs=2e-4)


def test_confirmed_labels_are_not_listed_again(made, data, monkeypatch):
    first = data["issues"][0]["id"]
    monkeypatch.setattr(issues, "kept_labels", lambda experiment: made.dataset.products.index[:0].union([first]))
    results = made.results
    submitted = read_submitted(results)
    listed, n = issues.describe_issues(results, submitted.method, submitted.probs("valid"))
    assert n == data["n_issues"] - 1
    assert first not in {product["id"] for product in listed}


def test_scores_are_percentages_from_0_to_100(made, data):
    scores, _ = score_table(made.results)
    wide = scores.assign(low=scores["low"] - 1, high=scores["high"] + 1)  # as the shift of an interval may make them
    for row in score_rows(made.results, wide, None):
        assert 0 <= row["low"] <= row["value"] <= row["high"] <= 1
    assert all(0 <= row[key] <= 1 for row in data["scores"] for key in ("low", "value", "high"))
    assert len(data["scores"]) == len(scores)


def test_the_facts_are_those_of_the_submitted_method(made):
    results = made.results
    scores, comparisons = score_table(results)
    automation = scores.head(0).assign(target=[])
    facts = headline_facts(
        read_submitted(results), {"scores": scores, "comparisons": comparisons, "automation": automation}
    )
    assert [fact.name for fact in facts] == ["Submitted", "macro-F1", "accuracy", "Gain over text alone"]
    own = scores[(scores["method"] == "vote") & (scores["split"] == "test")].set_index("metric")["value"]
    assert [fact.value for fact in facts[1:3]] == [f"{100 * own[key]:.1f} %" for key in ("macro_f1", "accuracy")]
    assert [fact.value for fact in headline_facts(None, {})] == ["nothing yet"]


def test_the_confusion_matrix_and_the_tables_agree_with_the_decisions(made, data, html):
    results = made.results
    targets, preds = results.targets["test"], read_submitted(results).preds("test")
    cells = {(label, decided): n for label, decided, n, _ in data["confusion"]["cells"]}
    assert sum(cells.values()) == len(targets)
    assert cells == {
        (label, decided): int(((targets == label) & (preds == decided)).sum())
        for label, decided in zip(targets, preds, strict=True)
    }
    assert len(data["training"]) == 5  # the damaged line is left out
    for caption in ("macro-F1, test products", "gains, test products", "F1 of each class", "agreement", "epochs"):
        assert f"<summary>Table: {caption}</summary>" in html


def test_without_images_vote_denoising_and_submission_there_is_a_report_too(tmp_path, monkeypatch):
    made = make_up(tmp_path, monkeypatch, n=60)
    plain = made.dataset.products.assign(description=None, image=None).astype({"image": "str"})
    made = dataclasses.replace(made, dataset=Dataset(plain, made.dataset.classes, made.dataset.split))
    made.draw("words", 0.7)
    html = write_report(made).read_text(encoding="utf-8")
    assert "nothing yet" in html
    for section in ("vote", "training", "confidence", "experts"):
        assert f'<section id="{section}"' not in html


def test_thumbnails_are_limited_in_number_and_size(made, monkeypatch, tmp_path_factory):
    images = made.dataset.products["image"]
    root = made.experiment.catalogue.root
    with_image = images.index[images == "image-0.jpg"]
    monkeypatch.setattr("latefusion.report.thumbnails.MOST", 3)
    assert set(draw_thumbnails(root, images, [*with_image, *with_image])) == set(with_image[:3])
    one = draw_thumbnails(root, images, with_image[:1])[with_image[0]]
    monkeypatch.setattr("latefusion.report.thumbnails.MOST_BYTES", 2 * len(one) + 1)
    assert set(draw_thumbnails(root, images, with_image)) == set(with_image[:2])
    assert draw_thumbnails(root / "no folder", images, images.index) == {}


def test_of_several_labels_missed_ones_take_the_place_of_the_confusion_matrix(tmp_path, monkeypatch):
    made = make_results_of_several_labels(tmp_path, monkeypatch)
    html = write_report(made).read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html)[1])
    targets, preds = made.results.targets["test"] > 0, read_submitted(made.results).preds("test") > 0
    missed = {row["class"]: (row["missed"], row["added"], row["n"]) for row in data["missed"]}
    assert data["confusion"] is None
    assert missed == {
        number: (int((own & ~decided).sum()), int((decided & ~own).sum()), int(own.sum()))
        for number, (own, decided) in enumerate(zip(targets.T, preds.T, strict=True))
    }
    assert "A confusion matrix needs one label per product" in html
    assert data["n_mistakes"] == (targets != preds).any(axis=1).sum()
    assert max(len(product["label"]) for product in data["mistakes"]) > 1
    assert {product["split"] for product in data["issues"]} == {"valid"}
    assert "how many of the first labels are right" in " ".join(html.split())
    assert "labelled automatically, and" not in html
    assert any(row["sets_right"] < row["right"] for row in data["targets"])
    for row in data["targets"]:
        assert f"<td>{percent(row['sets_right'])}</td>" in html
        assert f"<td>{percent(row['labels_found'])}</td>" in html


def test_of_several_labels_a_product_is_listed_with_all_of_them_the_first_decided_first():
    targets = np.array([[1, 1, 0], [0, 0, 1], [-1, -1, -1]], dtype=np.int8)
    preds = np.array([[1, 2, 0], [0, 1, 2], [0, 0, 2]], dtype=np.int8)
    probs = np.array([[0.6, 0.9, 0.1], [0.1, 0.6, 0.8], [0.1, 0.2, 0.9]])
    assert products.class_numbers(preds, probs) == [[1, 0], [2, 1], [2]]
    assert products.class_numbers(targets) == [[0, 1], [2], []]
    assert products.not_exactly(targets, preds).tolist() == [False, True, True]
    most, given = issues._contradiction(targets[:2], preds[:2], probs[:2])
    assert most == pytest.approx([0.4, 0.6])
    assert given == pytest.approx([0.6, 0.4])

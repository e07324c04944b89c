"""Label issues are ranked: planted label errors are found, and the worst of the flagged are removed."""

import numpy as np
import pandas as pd
import pytest

from latefusion.config import CnnExpert, Denoise
from latefusion.denoise.gallery import gallery_html
from latefusion.denoise.ranking import rank_label_issues
from latefusion.utils.errors import InputError

CLASSES = ["10", "40", "50"]


def settings(**changes) -> Denoise:
    return Denoise(network=CnnExpert(model="resnet10t", pretrained=False), **changes)


@pytest.fixture
def planted():
    """600 products with confident, mostly right probabilities; every 20th has a wrong label."""
    rng = np.random.default_rng(0)
    true = rng.integers(3, size=600)
    pred_probs = 0.7 * np.eye(3)[true] + 0.3 * rng.dirichlet(np.ones(3), 600)
    labels = np.where(np.arange(600) % 20 == 0, (true + 1) % 3, true)
    ids = pd.Index([f"p{number}" for number in range(600)], name="id")
    return ids, labels, pred_probs, ids[::20]


def test_planted_errors_are_found_with_given_and_suggested_label(planted):
    ids, labels, pred_probs, wrong = planted
    issues = rank_label_issues(ids, labels, pred_probs, CLASSES, settings())
    assert len(issues.index.intersection(wrong)) >= 0.9 * len(wrong)
    assert len(issues) <= 1.2 * len(wrong)
    assert (issues["given"] == np.array(CLASSES)[labels[ids.get_indexer(issues.index)]]).all()
    assert (issues["given"] != issues["suggested"]).all()


def test_the_most_suspicious_come_first_and_a_tenth_of_the_flagged_is_removed(planted):
    ids, labels, pred_probs, _ = planted
    issues = rank_label_issues(ids, labels, pred_probs, CLASSES, settings(remove_fraction=0.1))
    assert issues["margin"].is_monotonic_increasing
    assert issues["removed"].sum() == round(0.1 * len(issues))
    assert issues["removed"].is_monotonic_decreasing  # the first ones


def test_self_confidence_ranks_by_the_given_labels_probability(planted):
    ids, labels, pred_probs, _ = planted
    issues = rank_label_issues(ids, labels, pred_probs, CLASSES, settings(rank_by="self_confidence"))
    assert issues["given_prob"].is_monotonic_increasing
    by_margin = rank_label_issues(ids, labels, pred_probs, CLASSES, settings())
    assert set(issues.index) == set(by_margin.index)
    assert list(issues.index) != list(by_margin.index)


def test_a_class_loses_no_more_than_its_share(planted):
    """A class of 20 that the networks never recognise is all suspicious; half of it may go, then others."""
    ids, labels, pred_probs, _ = planted
    small = np.flatnonzero(labels == 2)[:20]
    labels = np.where(labels == 2, 1, labels)
    labels[small] = 2
    pred_probs[small] = [0.98, 0.01, 0.01]
    guarded = rank_label_issues(ids, labels, pred_probs, CLASSES, settings(remove_fraction=0.5, max_class_share=0.5))
    free = rank_label_issues(ids, labels, pred_probs, CLASSES, settings(remove_fraction=0.5, max_class_share=1.0))
    removed, removed_freely = (issues.loc[issues["removed"], "given"] for issues in (guarded, free))
    assert (removed == "50").sum() == 10 < (removed_freely == "50").sum()
    assert len(removed) == len(removed_freely) == round(0.5 * len(free))


def test_titles_are_text_not_markup():
    issues = pd.DataFrame(
        {"given": ["a"], "suggested": ["b"], "margin": [-0.5], "given_prob": [0.1], "suggested_prob": [0.6],
         "removed": [True]},
        index=["1"],
    )  # fmt: skip
    titles = pd.Series({"1": "<script>alert('x')</script>"})
    html = gallery_html(issues, titles, lambda id_: np.zeros((8, 8, 3), np.uint8), limit=10)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_missing_probabilities_are_refused(planted):
    ids, labels, pred_probs, _ = planted
    pred_probs[3] = np.nan
    with pytest.raises(InputError, match="missing for 1 products"):
        rank_label_issues(ids, labels, pred_probs, CLASSES, settings())

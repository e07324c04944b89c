"""Denoising finds planted label errors and takes out the worst of what it flags."""

import numpy as np
import pandas as pd
import pytest

from latefusion.config import CnnExpert, Denoise
from latefusion.denoise import rank_label_issues

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


def test_missing_probabilities_are_refused(planted):
    ids, labels, pred_probs, _ = planted
    pred_probs[3] = np.nan
    with pytest.raises(ValueError, match="missing for 1 products"):
        rank_label_issues(ids, labels, pred_probs, CLASSES, settings())


def test_the_report_tells_precision_and_recall_on_the_sample(finished):
    issues = pd.read_parquet(finished.run_root / "denoise/label_issues.parquet")
    page = (finished.folder / "submissions/tiny/scores.md").read_text()
    assert f"{len(issues)} of 180 training products flagged, the first {issues['removed'].sum()} removed" in page
    noise = pd.read_csv(finished.folder / "data/sample/hidden/label_noise.csv", dtype="str")["Integer_id"]
    hits = issues.index.isin(noise).mean()
    assert f"Of the flagged: precision {hits:.1%}" in page


def test_out_of_fold_probabilities_cover_the_training_products_alone(finished):
    oof = pd.read_parquet(finished.run_root / "denoise/oof_probs.parquet")
    products = pd.read_parquet(finished.run_root / "catalogue/products.parquet")
    assert set(oof.index) == set(products.index[products["split"] == "train"])

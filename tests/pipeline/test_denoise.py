"""Denoising finds planted label errors and takes out the worst of what it flags."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import Workspace

from latefusion.catalogue.sample import read_label_noise
from latefusion.config import CnnExpert, Denoise, load_experiment
from latefusion.denoise.gallery import write_gallery
from latefusion.denoise.ranking import rank_label_issues
from latefusion.denoise.report import describe_label_issues
from latefusion.experts.context import Context
from latefusion.experts.training import _validation
from latefusion.plan.planning import plan
from latefusion.tables.dataset import read_dataset
from latefusion.tables.label_issues import read_label_issues, removed_issues, valid_targets
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


def test_the_gallery_shows_every_issue_worst_first_by_class_and_needs_no_other_file(trained_run):
    issues = pd.read_parquet(trained_run.run_root / "denoise/label_issues.parquet")
    config = (trained_run.run_root / "denoise/label_issues.html").read_text()
    assert config.count("data:image/jpeg;base64,") == config.count("<img") == len(issues)
    assert "http" not in config
    assert config.count("card removed") == issues["removed"].sum()
    for given, of_class in issues.groupby("given"):
        section = config.split(f"<h2>{given}: ")[1].split("<h2>")[0]
        shown = re.findall(r"class='id'>(\w+)<", section)
        assert shown == list(of_class.index)  # most suspicious first


def test_titles_are_text_not_markup():
    issues = pd.DataFrame(
        {"given": ["a"], "suggested": ["b"], "margin": [-0.5], "given_prob": [0.1], "suggested_prob": [0.6],
         "removed": [True]},
        index=["1"],
    )  # fmt: skip
    titles = pd.Series({"1": "<script>alert('x')</script>"})
    config = write_gallery(issues, titles, lambda id_: np.zeros((8, 8, 3), np.uint8), limit=10)
    assert "<script>" not in config
    assert "&lt;script&gt;" in config


def test_missing_probabilities_are_refused(planted):
    ids, labels, pred_probs, _ = planted
    pred_probs[3] = np.nan
    with pytest.raises(InputError, match="missing for 1 products"):
        rank_label_issues(ids, labels, pred_probs, CLASSES, settings())


def test_the_report_tells_precision_and_recall_on_the_sample(trained_run):
    issues = pd.read_parquet(trained_run.run_root / "denoise/label_issues.parquet")
    config = (trained_run.folder / "submissions/tiny/scores.md").read_text()
    assert f"{len(issues)} of 180 products of train flagged, the first {issues['removed'].sum()} removed" in config
    noise = pd.read_csv(trained_run.folder / "data/sample/hidden/label_noise.csv", dtype="str")["Integer_id"]
    hits = issues.index.isin(noise).mean()
    assert f"Of the flagged: precision {hits:.1%}" in config
    by_group = re.findall(r"(\d+) of (\d+)[,.]", config.split("wrong of the removed: ")[1].splitlines()[0])
    assert sum(int(of_group) for _, of_group in by_group) == issues["removed"].sum()
    assert sum(int(wrong) for wrong, _ in by_group) == issues.index[issues["removed"]].isin(noise).sum()


def test_other_settings_are_reported_beside_the_published_on_the_same_probabilities(trained_run, monkeypatch):
    monkeypatch.chdir(trained_run.folder)
    published = load_experiment(trained_run.config)
    dataset = read_dataset(published)
    assert "As published" not in describe_label_issues(published, dataset)
    own = load_experiment(trained_run.config, ["denoise.rank_by=self_confidence", "denoise.filter_by=both"])
    first, second = describe_label_issues(own, dataset).split("\n\n")
    assert first == describe_label_issues(published, dataset)  # here both read what was found by the published
    assert "This config has rank_by self_confidence, filter_by both; those of configs/sample.yaml were chosen" in second
    assert "(rank_by normalized_margin, filter_by prune_by_noise_rate)" in second
    precisions = re.findall(r"Of the \w+: precision [\d.]+%, recall [\d.]+%\.", first)
    assert len(precisions) == 2
    assert " ".join(precisions) in second


@pytest.mark.parametrize(
    ("message", "damage"),
    [
        ("it cannot be read as Parquet", None),
        ("it has no column 'margin'", lambda issues: issues.drop(columns="margin")),
        ("the column 'removed' holds values other than true and false", lambda issues: issues.assign(removed="yes")),
        ("duplicate id", lambda issues: pd.concat([issues, issues[:1]])),
    ],
)
def test_damaged_label_issues_are_named(trained_run, tmp_path, monkeypatch, message, damage):
    shutil.copytree(trained_run.run_root / "denoise", tmp_path / "weights/tiny/denoise")
    (tmp_path / "weights/tiny/denoise/job.json").unlink()  # or the hash recorded there would tell already
    path = tmp_path / "weights/tiny/denoise/label_issues.parquet"
    if damage is None:
        path.write_bytes(path.read_bytes()[:-20])
    else:
        damage(pd.read_parquet(path)).to_parquet(path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=rf"denoise/label_issues\.parquet: {message}[\s\S]*rm -r weights/tiny/denoise"):
        read_label_issues(load_experiment(trained_run.config))


@pytest.mark.parametrize("content", [None, b"", b"other,columns\n1,2\n", b"\xff\xfe"])
def test_a_damaged_list_of_wrong_labels_is_named(trained_run, tmp_path, content):
    experiment = load_experiment(trained_run.config, [f"catalogue.root={tmp_path}"])
    (tmp_path / "hidden").mkdir()
    if content is not None:
        (tmp_path / "hidden/label_noise.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"hidden/label_noise\.csv: .*draw the sample again"):
        read_label_noise(experiment)


def test_cleaning_that_leaves_no_valid_label_is_refused(trained_run, tmp_path, monkeypatch):
    monkeypatch.chdir(trained_run.folder)
    dataset = read_dataset(load_experiment(trained_run.config))
    issues = read_label_issues(load_experiment(trained_run.config))
    everything = issues.iloc[[0] * len(dataset.products)].set_axis(dataset.products.index).assign(removed=True)
    (tmp_path / "weights/tiny/denoise").mkdir(parents=True)
    everything.to_parquet(tmp_path / "weights/tiny/denoise/label_issues.parquet")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="removed all valid products"):
        valid_targets(load_experiment(trained_run.config, ["denoise.clean_valid=true"]), dataset)


def test_out_of_fold_probabilities_cover_the_training_products_alone(trained_run):
    oof = pd.read_parquet(trained_run.run_root / "denoise/oof_probs.parquet")
    products = pd.read_parquet(trained_run.run_root / "catalogue/products.parquet")
    assert set(oof.index) == set(products.index[products["split"] == "train"])


def test_cleaned_validation_products_have_no_say_and_no_score(trained_run, tmp_path, monkeypatch):
    shutil.copytree(trained_run.folder, tmp_path / "copy")
    workspace = Workspace(tmp_path / "copy")
    config = yaml.safe_load(workspace.config.read_text())
    config["denoise"] |= {"clean_valid": True, "remove_fraction": 0.5, "max_class_share": 1.0}
    config["experts"] = {name: config["experts"][name] for name in ("tfidf", "cnn_clean")}
    config["policies"] = {"one_layer": config["policies"]["one_layer"] | {"experts": ["tfidf", "cnn_clean"]}}
    workspace.write_config(config)
    for script in ("03_denoise.py", "04_train_image.py", "07_fuse.py", "08_vote.py"):
        workspace.run(script)
    monkeypatch.chdir(workspace.folder)
    experiment = load_experiment(workspace.config)
    dataset = read_dataset(experiment)
    removed = removed_issues(experiment)
    valid = dataset.select("valid")
    cleaned = valid.index.isin(removed)
    assert 0 < cleaned.sum() < len(valid)
    assert removed.isin(dataset.select("train").index).any()
    assert np.array_equal(valid_targets(experiment, dataset) == -1, cleaned)
    assert np.array_equal(_validation(Context(experiment), cleans=True).selection.targets == -1, cleaned)
    assert (_validation(Context(experiment), cleans=False).selection.targets >= 0).all()
    scores = pd.read_csv(workspace.run_root / "scores/scores.csv")
    assert set(scores.loc[scores["split"] == "valid", "n"]) == {len(valid) - cleaned.sum()}
    assert "denoise" in [need.name for need in plan(experiment)["policies/one_layer"].needs]

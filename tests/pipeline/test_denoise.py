"""Denoising in a trained run: its gallery, its report, damaged label issues, cleaned validation products."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from helpers.configs import tiny_config

from latefusion.catalogue.sample import read_label_noise
from latefusion.denoise.report import describe_label_issues
from latefusion.experts.context import Context
from latefusion.experts.training import _validation
from latefusion.plan.planning import plan
from latefusion.tables.dataset import read_dataset
from latefusion.tables.label_issues import fusion_targets, read_label_issues, removed_issues
from latefusion.utils.errors import InputError


def test_the_gallery_shows_every_issue_worst_first_by_class_and_needs_no_other_file(trained_run):
    issues = pd.read_parquet(trained_run.run_root / "denoise/label_issues.parquet")
    html = (trained_run.run_root / "denoise/label_issues.html").read_text()
    assert html.count("data:image/jpeg;base64,") == html.count("<img") == len(issues)
    assert "http" not in html
    assert html.count("card removed") == issues["removed"].sum()
    for given, of_class in issues.groupby("given"):
        section = html.split(f"<h2>{given}: ")[1].split("<h2>")[0]
        shown = re.findall(r'class="id">(\w+)<', section)
        assert shown == list(of_class.index)  # most suspicious first


def test_the_report_has_precision_and_recall_on_the_sample(trained_run):
    issues = pd.read_parquet(trained_run.run_root / "denoise/label_issues.parquet")
    report = (trained_run.folder / "submissions/tiny/scores.md").read_text()
    assert f"{len(issues)} of 180 products of train flagged, the first {issues['removed'].sum()} removed" in report
    noise = pd.read_csv(trained_run.folder / "data/sample/hidden/label_noise.csv", dtype="str")["Integer_id"]
    hits = issues.index.isin(noise).mean()
    assert f"Of the flagged: precision {hits:.1%}" in report
    by_group = re.findall(r"(\d+) of (\d+)[,.]", report.split("similar-looking classes: ")[1].splitlines()[0])
    assert sum(int(of_group) for _, of_group in by_group) == issues["removed"].sum()
    assert sum(int(wrong) for wrong, _ in by_group) == issues.index[issues["removed"]].isin(noise).sum()


def test_other_settings_are_reported_beside_the_published_on_the_same_probabilities(trained_run, monkeypatch):
    monkeypatch.chdir(trained_run.folder)
    published = trained_run.experiment()
    dataset = read_dataset(published)
    assert "The published settings" not in describe_label_issues(published, dataset)
    own = trained_run.experiment("denoise.rank_by=self_confidence", "denoise.filter_by=both")
    first, second = describe_label_issues(own, dataset).split("\n\n")
    assert first == describe_label_issues(published, dataset)  # here both read what was found by the published
    assert (
        "This config has rank_by self_confidence, filter_by both. The settings of configs/sample.yaml were chosen"
        in second
    )
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
        read_label_issues(trained_run.experiment())


@pytest.mark.parametrize("content", [None, b"", b"other,columns\n1,2\n", b"\xff\xfe"])
def test_a_damaged_list_of_wrong_labels_is_named(trained_run, tmp_path, content):
    experiment = trained_run.experiment(f"catalogue.root={tmp_path}")
    (tmp_path / "hidden").mkdir()
    if content is not None:
        (tmp_path / "hidden/label_noise.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"hidden/label_noise\.csv: .*draw the sample again"):
        read_label_noise(experiment)


def test_cleaning_that_leaves_no_valid_label_is_refused(trained_run, tmp_path, monkeypatch):
    monkeypatch.chdir(trained_run.folder)
    dataset = read_dataset(trained_run.experiment())
    issues = read_label_issues(trained_run.experiment())
    everything = issues.iloc[[0] * len(dataset.products)].set_axis(dataset.products.index).assign(removed=True)
    (tmp_path / "weights/tiny/denoise").mkdir(parents=True)
    everything.to_parquet(tmp_path / "weights/tiny/denoise/label_issues.parquet")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="removed all valid products"):
        fusion_targets(trained_run.experiment("denoise.clean_valid=true"), dataset)


def test_out_of_fold_probabilities_cover_the_training_products_alone(trained_run):
    oof = pd.read_parquet(trained_run.run_root / "denoise/oof_probs.parquet")
    products = pd.read_parquet(trained_run.run_root / "catalogue/products.parquet")
    assert set(oof.index) == set(products.index[products["split"] == "train"])


def test_cleaned_validation_products_choose_nothing_and_are_not_scored(copied):
    config = tiny_config()
    config["denoise"] |= {"clean_valid": True, "remove_fraction": 0.5, "max_class_share": 1.0}
    config["experts"] = {name: config["experts"][name] for name in ("tfidf", "cnn_clean")}
    config["policies"] = {"one_layer": config["policies"]["one_layer"] | {"experts": ["tfidf", "cnn_clean"]}}
    copied.write_config(config)
    for script in ("03_denoise.py", "04_train_image.py", "07_fuse.py", "08_vote.py"):
        copied.run(script)
    experiment = copied.experiment()
    dataset = read_dataset(experiment)
    removed = removed_issues(experiment)
    valid = dataset.select("valid")
    cleaned = valid.index.isin(removed)
    assert 0 < cleaned.sum() < len(valid)
    assert removed.isin(dataset.select("train").index).any()
    assert np.array_equal(fusion_targets(experiment, dataset) == -1, cleaned)
    context, expert = Context(experiment), experiment.experts["cnn_clean"]
    assert np.array_equal(_validation(context, expert).selection.targets == -1, cleaned)
    on_all = expert.model_copy(update={"train_on": "all"})
    assert (_validation(context, on_all).selection.targets >= 0).all()
    scores = copied.read_scores()
    assert set(scores.loc[scores["split"] == "valid", "n"]) == {len(valid) - cleaned.sum()}
    assert "denoise" in [need.name for need in plan(experiment)["policies/one_layer"].needs]

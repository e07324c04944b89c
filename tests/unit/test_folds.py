"""Cross-fitting: folds that hold out each labelled product once, views of a fold, and folds as jobs."""

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers.configs import tiny_config
from hypothesis import given
from hypothesis import strategies as st

from latefusion.config import Experiment, Split, load_experiment
from latefusion.dataset.split import assign_held_out_folds, split_products
from latefusion.plan.planning import Selection, jobs_of, plan
from latefusion.tables.dataset import Dataset
from latefusion.utils.errors import InputError


def catalogue(labels: list[int], groups: list[int], split: str = "train") -> pd.DataFrame:
    """Products with these labels and groups of near-duplicates."""
    index = pd.Index([f"p{number}" for number in range(len(labels))], name="id", dtype="str")
    labelled = {"label": pd.array([f"c{label}" for label in labels], dtype="str"), "group": groups}
    return pd.DataFrame(labelled | {"split": pd.array([split] * len(labels), dtype="str")}, index)


rows = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 25)), min_size=40, max_size=90)


@given(rows, st.integers(3, 5), st.booleans(), st.booleans())
def test_each_fold_can_learn_every_class_and_no_group_is_in_two_folds(drawn, n_folds, grouped, nested):
    products = catalogue([label for label, _ in drawn], [group for _, group in drawn])
    split = Split(n_folds=n_folds, group_duplicates=grouped, nested=nested)
    if products["group"].nunique() < n_folds:
        return
    products["fold"] = assign_held_out_folds(products, split)
    classes = sorted(products["label"].unique())
    views = Dataset(products, classes, split).training_views
    assert len(views) == n_folds + nested * n_folds * (n_folds - 1) // 2
    for view in views:
        train, held_out = view.select("train"), view.select("valid")
        assert set(train["label"]) == set(classes)
        assert len(train) + len(held_out) == len(products)
        if grouped:
            assert not set(train["group"]) & set(held_out["group"])


def test_every_product_of_a_class_with_several_is_held_out_once():
    labels = [number % 4 for number in range(100)] + [9]
    products = catalogue(labels, list(range(101)))
    products["fold"] = assign_held_out_folds(products, Split(n_folds=5))
    assert products["fold"].isna().sum() == 1  # the only product of its class is trained on in every fold
    dataset = Dataset(products, sorted(products["label"].unique()), Split(n_folds=5))
    held_out = pd.concat([dataset.of_fold(fold).select("valid") for fold in range(5)])
    assert sorted(held_out.index) == sorted(dataset.fusion_products.index)
    assert len(dataset.fusion_products) == 100
    assert set(products["fold"].value_counts()) == {20}


def test_more_folds_than_products_are_refused():
    products = catalogue([0, 1, 0], [0, 1, 2])
    with pytest.raises(InputError, match=r"split.n_folds: 5 folds for 3 labelled groups of near-duplicates: lower it"):
        assign_held_out_folds(products, Split(n_folds=5))


def test_a_catalogues_own_valid_products_are_cross_fitted_too():
    products = catalogue([0, 1] * 20, list(range(40)))
    products["split"] = ["train", "valid", "test", "train"] * 10
    splits = split_products(products, Split(n_folds=4, test_fraction=0.3))
    assert splits.value_counts().to_dict() == {"train": 30, "test": 10}
    assert (splits[products["split"] == "test"] == "test").all()


def test_near_duplicates_are_grouped_unless_the_config_says_otherwise():
    assert Split(n_folds=5).grouped
    assert not Split(n_folds=5, group_duplicates=False).grouped
    assert not Split().grouped
    assert Split(group_duplicates=True).grouped


@pytest.fixture
def cross_fitted(tmp_path, monkeypatch) -> Experiment:
    monkeypatch.chdir(tmp_path)
    return Experiment.model_validate(tiny_config() | {"name": "tiny", "split": {"n_folds": 3}})


def test_a_fold_needs_only_jobs_of_its_own_fold(cross_fitted):
    jobs = plan(cross_fitted)
    for key, job in jobs.items():
        if key.startswith("folds/"):
            number = key.split("/")[1]
            assert all(need.key == "catalogue" or need.key.startswith(f"folds/{number}/") for need in job.needs)
            assert job.run_dir == cross_fitted.run_root / key
    folds = jobs["experts/dcl_late"].needs
    assert [need.key for need in folds] == [f"folds/{fold}/experts/dcl_late" for fold in range(3)]
    assert [need.key for need in jobs["folds/1/experts/dcl_clean"].needs] == [
        "folds/1/experts/cnn_clean",
        "folds/1/denoise",
    ]
    assert "denoise" not in jobs
    assert all(need.kind == "folds" for need in jobs["policies/one_layer"].needs)


def test_the_plan_runs_each_job_after_those_that_it_needs(cross_fitted):
    jobs = list(plan(cross_fitted).values())
    for number, job in enumerate(jobs):
        assert all(need in jobs[:number] for need in job.needs)


def test_an_experts_name_selects_all_its_folds_and_a_folds_name_one(cross_fitted):
    jobs = plan(cross_fitted)
    chosen = jobs_of(jobs, "image", Selection("cnn_raw"))
    assert [job.name for job in chosen] == ["cnn_raw/fold-0", "cnn_raw/fold-1", "cnn_raw/fold-2", "cnn_raw"]
    assert [job.key for job in jobs_of(jobs, "image", Selection("cnn_raw/fold-1"))] == ["folds/1/experts/cnn_raw"]
    assert [job.name for job in jobs_of(jobs, "denoise", Selection("denoise"))] == [
        f"denoise/fold-{n}" for n in range(3)
    ]
    with pytest.raises(InputError, match="there is no such fold; the jobs of cnn_raw are cnn_raw/fold-0"):
        jobs_of(jobs, "image", Selection("cnn_raw/fold-3"))
    names = [job.name for job in jobs.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("train_on", ["all", "clean"])
def test_an_expert_that_refits_has_a_job_without_a_held_out_fold(tmp_path, monkeypatch, train_on):
    monkeypatch.chdir(tmp_path)
    probe = {"kind": "image_probe", "model": "tf_efficientnet_lite0.in1k", "train_on": train_on}
    experts = tiny_config()["experts"] | {"probe": probe}
    config = tiny_config() | {"name": "tiny", "split": {"n_folds": 3}, "experts": experts}
    jobs = plan(Experiment.model_validate(config))
    needs = ["catalogue", *(["folds/none/denoise"] if train_on == "clean" else [])]
    assert [need.key for need in jobs["folds/none/experts/probe"].needs] == needs
    assert ("folds/none/denoise" in jobs) == (train_on == "clean")
    assert [need.name for need in jobs["experts/probe"].needs][-1] == "probe/fold-none"
    assert "folds/none/experts/cnn_raw" not in jobs


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["split.valid_fraction=0.2"], "split: valid_fraction is not used with n_folds"),
        (["denoise.clean_valid=true"], "denoise.clean_valid: not with split.n_folds"),
        (["split.n_folds=1"], "split.n_folds: "),
        (["split.nested=true", "split.n_folds=2"], "split: nested needs n_folds, at least 3"),
        (["split.nested=true"], "policies.one_layer.n_folds: with split.nested, policies have the folds of the exp"),
    ],
)
def test_settings_that_contradict_cross_fitting_are_refused(tmp_path, overrides, message):
    config = tmp_path / "tiny.yaml"
    split = {"split": {"n_folds": 4}, "policies": {"one_layer": {"experts": ["tfidf"], "n_folds": 3}}}
    config.write_text(yaml.safe_dump(tiny_config() | split))
    with pytest.raises(InputError, match=message):
        load_experiment(config, overrides)


def test_the_view_of_a_fold_differs_in_its_folders_alone(cross_fitted):
    view = cross_fitted.of_fold(2)
    assert view.model_dump() == cross_fitted.model_dump()
    assert view.expert_dir("tfidf") == cross_fitted.run_root / "folds/2/experts/tfidf"
    assert view.policy_dir("one_layer") == cross_fitted.policy_dir("one_layer")
    assert cross_fitted.held_out is None
    assert [fold.held_out for fold in cross_fitted.folds] == [(0,), (1,), (2,)]
    assert cross_fitted.fold_pairs == ()
    assert np.all([fold.run_root == cross_fitted.run_root for fold in cross_fitted.folds])


def test_nested_folds_have_jobs_of_pairs_that_hold_out_both(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experts = {"experts": ["tfidf", "dcl_clean"]}
    config = tiny_config() | {"name": "tiny", "split": {"n_folds": 3, "nested": True}, "policies": {"one": experts}}
    jobs = plan(Experiment.model_validate(config))
    joined = [need.name for need in jobs["experts/dcl_late"].needs]
    assert joined == [f"dcl_late/fold-{fold}" for fold in ("0", "1", "2", "0-1", "0-2", "1-2")]
    assert [need.key for need in jobs["folds/0-2/experts/dcl_late"].needs] == ["folds/0-2/experts/dcl_clean"]
    assert jobs_of(jobs, "dcl", Selection("dcl_late/fold-0-2"))[0].held_out == (0, 2)

"""Exported models predict, without the experiment, what the experiment predicted."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from helpers.configs import tiny_config
from helpers.workspace import Workspace

from latefusion.experts.context import Context
from latefusion.experts.exported import Opening, export_expert, open_expert
from latefusion.predictor import Predictor, export_model
from latefusion.tables.dataset import read_dataset
from latefusion.tables.probabilities import read_split_probs
from latefusion.utils.errors import InputError


@pytest.fixture(scope="module")
def with_valid_split(tmp_path_factory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("trained"))
    workspace.write_config(tiny_config() | {"hardware": {"num_workers": 0, "mixed_precision": "no"}})
    workspace.run_all()
    return workspace


@pytest.fixture(scope="module", params=["with_valid_split", "cross_fitted"], ids=["valid split", "two folds"])
def trained(request) -> Workspace:
    """The tiny experiment, which has every kind of expert; tests must not change it."""
    return request.getfixturevalue(request.param)


def test_each_kind_of_expert_predicts_what_it_predicted_in_its_experiment(trained, monkeypatch, tmp_path):
    monkeypatch.chdir(trained.folder)
    experiment = trained.experiment()
    dataset, context = read_dataset(experiment), Context(experiment)
    test = dataset.evaluation_splits["test"].iloc[::-1][:40]
    for name in experiment.experts:
        export_expert(context, name, tmp_path / name)
        opening = Opening(
            tmp_path / name, experiment.experts, len(dataset.classes), context.accelerator, experiment.hardware
        )
        probs = open_expert(opening, name)(test, context.images)
        expected = read_split_probs(experiment.expert_dir(name), "test", dataset)
        rows = dataset.evaluation_splits["test"].index.get_indexer(test.index)
        np.testing.assert_allclose(probs, expected[rows], atol=1e-6, err_msg=name)
        suffixes = {path.suffix for path in (tmp_path / name).rglob("*") if path.is_file()}
        assert suffixes <= {".safetensors", ".json", ".parquet", ".model", ".txt"}, name


@pytest.fixture
def exported(trained, monkeypatch, tmp_path):
    """The model of the experiment, in an empty folder, which is now the working directory; and the experiment's."""
    monkeypatch.chdir(trained.folder)
    experiment = trained.experiment()
    export_model(experiment, tmp_path / "model")
    dataset = read_dataset(experiment)
    kept = pd.read_parquet(experiment.run_root / "submission/test_preds.parquet")
    probs = read_split_probs(experiment.run_root / "submission", "test", dataset)
    products = dataset.evaluation_splits["test"]
    images = trained.folder / experiment.catalogue.root
    monkeypatch.chdir(tmp_path)
    return tmp_path / "model", products, images, kept, probs


def test_the_submitted_method_predicts_new_products_as_those_of_its_experiment(exported):
    folder, products, images, kept, probs = exported
    predictor = Predictor.load(folder)
    table = products.reset_index()[["id", "title", "description", "image"]]
    predicted = predictor.predict(table, images)
    assert list(predicted.index) == list(products.index)
    # Experts are equal to 1e-6, see above; a network that hardly learns may vote for another of two equal classes.
    same = predicted["label"] == kept["label"]
    assert same.mean() > 0.98
    np.testing.assert_allclose(predicted["confidence"][same], kept["confidence"][same], atol=1e-4)
    found = predictor.predict_proba(table, images)
    assert list(found.columns) == predictor.classes
    np.testing.assert_allclose(found[same], probs[same], atol=1e-4)
    few = table.sample(50, random_state=1)
    np.testing.assert_allclose(predictor.predict_proba(few, images), found.loc[few["id"]], atol=1e-4)
    assert set(predictor.experts) >= {"tfidf"}
    assert predicted["agree"].between(0, len(predictor.experts)).all()


def test_what_is_missing_is_predicted_too(exported):
    folder, *_ = exported
    predictor = Predictor.load(folder)
    table = pd.DataFrame(
        {"title": ["lampe rouge", "", None], "image": ["nothing.jpg", None, ""]}, index=["a", "b", "c"]
    )
    predicted = predictor.predict(table, folder)
    assert predicted["label"].isin(predictor.classes).all()
    assert predicted["confidence"].between(0, 1).all()
    assert predicted["problem"].tolist()[1:] == ["", ""]
    assert predicted["problem"].iloc[0]
    assert len(predictor.predict(table[:0])) == 0


def test_a_damaged_or_foreign_folder_is_refused_before_anything_is_read(exported, tmp_path):
    folder, *_ = exported
    with pytest.raises(InputError, match="there is no such folder"):
        Predictor.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no model\.json, so it is not an exported model"):
        Predictor.load(folder / "experts")
    changes = {
        "has changed since the export": lambda copy: (copy / "config.yaml").write_text("name: other"),
        "is missing": lambda copy: next(copy.rglob("*.safetensors")).unlink(),
        "is not a file of the model": lambda copy: (copy / "evil.py").write_text("import os"),
        "it is damaged": lambda copy: (copy / "model.json").write_text("{}"),
        "this version reads formats 1 and 2": lambda copy: (copy / "model.json").write_text(
            json.dumps(json.loads((copy / "model.json").read_text()) | {"format": 3})
        ),
    }
    for number, (message, change) in enumerate(changes.items()):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(folder, copy)
        change(copy)
        with pytest.raises(InputError, match=message):
            Predictor.load(copy)


def test_input_that_cannot_be_predicted_is_refused_in_words(exported):
    folder, *_ = exported
    predictor = Predictor.load(folder)
    with pytest.raises(InputError, match="no column 'title' among id, brand"):
        predictor.predict(pd.DataFrame({"id": ["a"], "brand": ["lamp"]}))
    with pytest.raises(InputError, match=r"Ids that occur more than once:\n  a\n"):
        predictor.predict(pd.DataFrame({"id": ["a", "a"], "title": ["lamp", "lamp"]}))

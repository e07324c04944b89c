"""Policies of kind select on raw inputs: they learn, honestly, with networks like those of experts; refusals."""

from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest
from helpers.configs import TINY_CNN, TINY_DCL, TINY_END_TO_END, TINY_FROZEN
from helpers.workspace import Workspace
from pydantic import ValidationError

from latefusion.config import Experiment
from latefusion.config.complexity import COMPLEXITIES
from latefusion.experts.context import Context
from latefusion.fusion.asked import read_asked
from latefusion.fusion.inputs import ALL, RawProducts
from latefusion.fusion.raw_select import choices, fit_raw_select
from latefusion.fusion.training import PolicyTrainer
from latefusion.plan.planning import plan
from latefusion.predictor import Predictor
from latefusion.scores.choice import complexity
from latefusion.scores.results import Results
from latefusion.tables.dataset import read_dataset
from latefusion.tables.probabilities import read_split_probs
from latefusion.utils.files import read_json

RAW = {"kind": "select", "experts": ["title", "description"], "inputs": "raw", "n_folds": 2}
OWN = {"words": {"epochs": 12, "lr": 0.03}, "cnn": {"epochs": 6, "lr": 0.02}, "both": {"epochs": 6, "lr": 0.02}}
CONFIG = {
    "catalogue": {"format": "table", "root": "shop"},
    "split": {"valid_fraction": 0.4, "test_fraction": 0.2},
    "experts": {
        "title": {"kind": "tfidf", "reads": "title", "min_df": 1},
        "description": {"kind": "tfidf", "reads": "description", "min_df": 1},
        "words": {"kind": "text_cnn", "filters": 8, "embedding_size": 8, "train": {"epochs": 1, "batch_size": 32}},
        "cnn": TINY_CNN,
        "both": TINY_END_TO_END | {"text": "words", "image": "cnn"},
    },
    "policies": {f"raw_{name}": RAW | own | {"network": name, "batch_size": 16} for name, own in OWN.items()},
    "vote": {"members": ["raw_words", "raw_cnn", "raw_both"]},
    "hardware": {"num_workers": 0, "mixed_precision": "no"},
}


@pytest.fixture(scope="module")
def fused(tmp_path_factory) -> Workspace:
    """A shop in which the class is in the title or, where it says so and the image is red, in the description."""
    workspace = Workspace(tmp_path_factory.mktemp("raw"))
    workspace.write_config(CONFIG)
    rng, rows = np.random.default_rng(0), []
    (workspace.folder / "shop/images").mkdir(parents=True)
    for number in range(250):
        label, below = str(rng.choice(["chair", "lamp", "mug", "vase"])), rng.random() < 0.4
        image = np.full((40, 40, 3), 255, np.uint8)
        image[8:32, 8:32] = (20, 20, 220) if below else (220, 30, 30)
        cv2.imwrite(str(workspace.folder / f"shop/images/{number}.png"), image)
        noise = f"number {rng.integers(10**6)}"
        texts = (f"see below {noise}", f"a {label}") if below else (f"a {label} {noise}", "nothing more")
        rows.append((f"p{number}", *texts, f"images/{number}.png", label))
    table = pd.DataFrame(rows, columns=["id", "title", "description", "image_path", "label"])
    table.to_csv(workspace.folder / "shop/products.csv", index=False)
    for script in ("01_prepare.py", "02_train_text.py", "07_fuse.py", "08_vote.py"):
        workspace.run(script)
    return workspace


@pytest.fixture
def experiment(fused, monkeypatch) -> Experiment:
    monkeypatch.chdir(fused.folder)
    return fused.experiment()


@pytest.mark.parametrize("name", CONFIG["policies"])
def test_it_learns_from_raw_inputs_when_to_choose_the_second_expert(experiment, name):
    run_dir, dataset = experiment.policy_dir(name), read_dataset(experiment)
    metrics = read_json(run_dir / "metrics.json")
    assert metrics["valid_accuracy"] > metrics["oracle_accuracy"] - 0.1 > 0.8
    assert metrics["policy_accuracy"] > 0.8  # it cannot know where the title's guess is right
    for split, products in dataset.evaluation_splits.items():
        asked = read_asked(run_dir, split, dataset)
        assert np.array_equal(asked.asked, asked.ask > 0.5)
        below = products["title"].str.startswith("see below")
        assert (asked.asked == below).mean() > 0.9
        tables = [
            pd.read_parquet(experiment.expert_dir(expert) / f"{split}_probs.parquet") for expert in RAW["experts"]
        ]
        expected = np.where(asked.asked[:, None], *[table.loc[products.index] for table in reversed(tables)])
        predicted = pd.read_parquet(run_dir / f"{split}_probs.parquet").loc[products.index]
        assert np.array_equal(predicted.to_numpy(), expected)
    assert not (run_dir / "folds").exists()
    assert read_json(run_dir / "job.json")["environment"]["precision"] == "fp32"


def test_the_labels_of_a_fold_do_not_change_its_own_decisions(experiment, tmp_path):
    """And a run that was interrupted ends with the same, without training the finished networks again."""
    dataset = read_dataset(experiment)
    trainer = PolicyTrainer(experiment, dataset, [], lambda: Context(experiment))
    inputs = trainer.inputs("raw_words")
    inputs = replace(inputs, policy=inputs.policy.model_copy(update={"epochs": 3}))
    own = inputs.folds == 0
    changed = replace(inputs, targets=np.where(own, (inputs.targets + 1) % len(dataset.classes), inputs.targets))

    def fit(name: str, inputs):
        return fit_raw_select(replace(inputs, raw=RawProducts(lambda: Context(experiment), dataset, tmp_path / name)))

    before, after = fit("before", inputs), fit("after", changed)
    assert np.array_equal(before.oof_asked.ask[own], after.oof_asked.ask[own])
    assert not np.array_equal(before.oof_asked.ask[~own], after.oof_asked.ask[~own])
    assert np.array_equal(before.oof_probs[own], after.oof_probs[own])
    again = fit("before", replace(changed, policy=inputs.policy))  # other labels would show: all three are finished
    assert np.allclose(again.oof_asked.ask, before.oof_asked.ask, atol=1e-7)
    assert np.allclose(again.test_tables[0], before.test_tables[0], atol=1e-7)


def test_its_networks_see_no_label_but_that_of_the_choice_on_the_products_they_learn_from(experiment):
    dataset = read_dataset(experiment)
    inputs = PolicyTrainer(experiment, dataset, [], lambda: Context(experiment)).inputs("raw_cnn")
    valid = dataset.fusion_products
    for fold in (0, ALL):
        own = choices(inputs, fold)
        learnt = valid.index[inputs.folds != fold]
        assert own.select("train").index.tolist() == learnt.tolist()
        others = own.products.drop(learnt)
        assert set(own.products["label"]) == {"ask", ""}
        assert set(others["label"]) == set(others["split"]) == {""}
        rights = [table.argmax(axis=1) == inputs.targets for table in inputs.tables]
        expected = (rights[1] & ~rights[0])[inputs.folds != fold]
        assert own.targets(own.select("train"))[:, 0].astype(bool).tolist() == expected.tolist()


def test_the_settings_of_the_named_expert_and_the_images_make_another_job(experiment, fused):
    def changed(*overrides: str) -> set[str]:
        jobs = plan(fused.experiment(*overrides))
        return {name for name in CONFIG["policies"] if jobs[f"policies/{name}"].state() != "done"}

    assert changed() == set()
    assert changed("experts.words.filters=9") == {"raw_words", "raw_both"}
    assert changed("experts.cnn.image.crop=28") == {"raw_cnn", "raw_both"}
    assert changed("image_cache=48") == {"raw_cnn", "raw_both"}
    assert changed("policies.raw_cnn.epochs=9") == {"raw_cnn"}
    jobs = plan(experiment)
    assert {name: jobs[f"policies/raw_{name}"].reads for name in ("words", "cnn", "both")} == {
        "words": "products", "cnn": "images", "both": "images"
    }  # fmt: skip


def test_it_is_the_last_choice(experiment):
    results = Results(experiment, read_dataset(experiment))
    assert complexity(results, results.method("raw_words")) == ("raw_select", 3)
    assert complexity(results, results.method("raw_both")) == ("raw_select", 4)
    assert complexity(results, results.method("vote")) == ("raw_select", 6)
    assert COMPLEXITIES[-1] == "raw_select"


def test_the_exported_model_chooses_as_in_the_experiment(experiment, fused):
    fused.run("12_export_model.py")
    dataset, folder = read_dataset(experiment), fused.folder / "models" / experiment.name
    products = dataset.evaluation_splits["test"][["title", "description", "image"]]
    predictor = Predictor.load(folder)
    probs = predictor.predict_proba(products, experiment.catalogue.root)
    np.testing.assert_allclose(probs, read_split_probs(experiment.run_root / "submission", "test", dataset), atol=1e-5)
    cv2.imwrite(str(fused.folder / "white.png"), np.full((40, 40, 3), 255, np.uint8))
    white = predictor.predict_proba(products.assign(image="white.png"), fused.folder)
    blank = predictor.predict_proba(products.assign(image=None))
    np.testing.assert_array_equal(white, blank)  # no expert reads images: the networks choose without them
    assert not np.allclose(blank, probs, atol=1e-3)


def test_without_one_of_its_experts_the_others_mean_decides(experiment):
    policy = experiment.policies["raw_words"]
    for left in (("title",), ("title", "description")):
        restricted = policy.restricted(left)
        assert (restricted.kind, restricted.experts, restricted.own_network) == ("mean", left, None)


EXPERTS = CONFIG["experts"] | {
    "late": {"kind": "late", "of": "cnn"},
    "dcl": TINY_DCL | {"start_from": "cnn", "train_on": "all"},
    "frozen": TINY_FROZEN | {"text": "words", "image": "cnn"},
    "probe": {"kind": "text_probe", "model": "sentence-transformers/all-MiniLM-L6-v2"},
}


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"network": "title"}, "policies.raw.network: 'title' is of kind tfidf, which has no network to train"),
        ({"network": "probe"}, "policies.raw.network: 'probe' is of kind text_probe, which has no network to train"),
        ({"network": "late"}, "policies.raw.network: 'late' is of kind late, which has no network to train"),
        (
            {"network": "frozen"},
            "policies.raw.network: 'frozen' is a head on frozen features of experts; name one with",
        ),
        ({"network": "dcl"}, "policies.raw.network: 'dcl' starts from the trained weights of 'cnn'"),
        ({"network": "cnnn"}, "policies.raw.network: 'cnnn' does not exist; did you mean 'cnn'?"),
        ({"network": "cnn", "top_k": 3}, "unknown key 'top_k'"),
        ({"network": "cnn", "inputs": "top_k"}, "unknown key 'network'"),
        ({}, "network\n  Field required"),
    ],
)
def test_what_is_no_network_is_refused_in_the_config(policy, message):
    config = CONFIG | {
        "name": "tiny",
        "experts": EXPERTS,
        "policies": {"raw": RAW | policy},
        "vote": {"members": ["raw"]},
    }
    with pytest.raises(ValidationError) as error:
        Experiment.model_validate(config)
    assert message in str(error.value)


def test_no_policy_asks_for_one_on_raw_inputs():
    asking = {"asking": {"kind": "on_demand", "first": "title", "then": "raw_words"}}
    with pytest.raises(ValidationError, match=r"policies\.asking\.then: 'raw_words' reads raw inputs"):
        Experiment.model_validate(CONFIG | {"name": "tiny", "policies": CONFIG["policies"] | asking})

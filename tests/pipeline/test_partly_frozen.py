"""Experts that are trained in part, and experts that use the last epoch."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.configs import tiny_config
from helpers.damage import Cut, dying
from helpers.frozen import PARTLY_CNN, PARTLY_DCL, PARTLY_JOINT, PARTLY_TEXT, save_tiny_cnn, save_tiny_encoder
from helpers.launch import fork_two
from helpers.workspace import Workspace
from safetensors.torch import load_file

from latefusion.experts.context import Context
from latefusion.experts.kinds import build_network
from latefusion.experts.network import Network, predict_products
from latefusion.experts.training import train_network
from latefusion.tables.probabilities import read_probs
from latefusion.training import loop
from latefusion.utils.weights import load_weights

SCRIPTS = {
    "text": "02_train_text.py",
    "cnn": "04_train_image.py",
    "dcl": "05_train_dcl.py",
    "joint": "06_train_joint.py",
}
RESULTS = ("model.safetensors", "valid_probs.parquet", "test_probs.parquet")


def partly_frozen_config() -> dict:
    config = tiny_config()
    del config["denoise"]
    experts = {"text": PARTLY_TEXT, "cnn": PARTLY_CNN, "dcl": PARTLY_DCL, "joint": PARTLY_JOINT}
    return config | {
        "image_cache": 66,
        "experts": experts,
        "policies": {"only": {"experts": ["text", "cnn"]}},
        "hardware": config["hardware"] | {"checkpoint_every": 3},
    }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Workspace:
    """A catalogue with pretrained weights beside it; nothing is trained."""
    workspace = Workspace(tmp_path_factory.mktemp("prepared"))
    workspace.write_config(partly_frozen_config())
    workspace.run("00_draw_sample.py")
    workspace.run("01_prepare.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workspace.folder)
        save_tiny_encoder(workspace.read_products())
        save_tiny_cnn()
    return workspace


@pytest.fixture(scope="module")
def trained(prepared, tmp_path_factory) -> Workspace:
    """All four experts, each trained in part: two layers, at falling learning rates."""
    workspace = prepared.copy(tmp_path_factory.mktemp("trained") / "run")
    for script in SCRIPTS.values():
        workspace.run(script)
    return workspace


@pytest.fixture
def at_start(trained, monkeypatch) -> Callable[[str], Network]:
    """Return a function that builds an expert's network as it was before its first epoch."""
    monkeypatch.chdir(trained.folder)
    context = Context(trained.experiment())
    experiment = context.experiment
    return lambda name: build_network(context, experiment.experts[name], experiment.expert_dir(name))


def results(workspace: Workspace, expert: str) -> list[bytes]:
    return [(workspace.run_root / "experts" / expert / name).read_bytes() for name in RESULTS]


def read_log(workspace: Workspace, expert: str) -> list[dict]:
    log = workspace.run_root / "experts" / expert / "log.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()]


def frozen_modules(model: torch.nn.Module) -> Iterator[str]:
    for name, module in model.named_modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            yield name


@pytest.mark.parametrize("name", SCRIPTS)
def test_frozen_weights_and_statistics_stay_and_the_others_learn(trained, at_start, name):
    network, after = at_start(name), load_file(trained.run_root / "experts" / name / "model.safetensors")
    in_optimizer = {id(parameter) for group in network.param_groups for parameter in group["params"]}
    frozen = 0
    for key, parameter in network.model.named_parameters():
        assert (id(parameter) in in_optimizer) == parameter.requires_grad
        assert torch.equal(after[key], parameter) != parameter.requires_grad, key
        frozen += not parameter.requires_grad
    assert frozen
    of_frozen = tuple(f"{module}." for module in frozen_modules(network.model))
    buffers = {key: value for key, value in network.model.named_buffers() if key in after}
    for key, value in buffers.items():  # running statistics of batch normalisation
        assert torch.equal(after[key], value) == key.startswith(of_frozen), key
    assert bool(buffers) == (name != "text")


def test_all_heads_learn_and_the_embeddings_do_not(at_start):
    trainable = {
        name: {key.split(".")[0] for key, one in at_start(name).model.named_parameters() if one.requires_grad}
        for name in SCRIPTS
    }
    assert trainable == {
        "text": {"encoder", "head"},
        "cnn": {"net", "head"},
        "dcl": {"net", "class_head", "adv_head", "loc_head"},
        "joint": {"encoder", "net", "head"},
    }
    joint = dict(at_start("joint").model.named_parameters())
    for below in ("encoder.embeddings.word_embeddings.weight", "net.backbone.conv_stem.weight"):
        assert not joint[below].requires_grad


@pytest.mark.parametrize(
    ("name", "head", "backbones"), [("text", 5, [1]), ("cnn", 5, [1]), ("dcl", 10, [1]), ("joint", 10, [1, 1])]
)
def test_each_layer_has_its_learning_rate_and_the_head_its_own(at_start, name, head, backbones):
    """Pooler and two layers of an encoder; two blocks of a timm network, which has nothing above them."""
    factors = [group["lr_factor"] for group in at_start(name).param_groups]
    text, image = [0.64, 0.8, 1.0], [0.64, 0.8]
    expected = {"text": text, "cnn": image, "dcl": image, "joint": text + image}[name]
    assert factors == pytest.approx([*expected, head])


@pytest.mark.parametrize(("name", "call"), [("text", 2), ("text", 4), ("cnn", 3), ("dcl", 1), ("joint", 2)])
def test_a_cut_run_ends_with_the_uninterrupted_weights(trained, tmp_path, monkeypatch, name, call):
    cut = trained.copy(tmp_path / "cut")
    shutil.rmtree(cut.run_root / "experts" / name)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", dying(loop.save_checkpoint, call))
        with pytest.raises(Cut):
            cut.run(SCRIPTS[name], "--only", name)
    cut.run(SCRIPTS[name], "--only", name)
    assert results(cut, name) == results(trained, name)


def test_two_processes_train_a_partly_frozen_encoder_as_one_does(prepared, tmp_path, server):
    train = {"optimizer": "sgd", "lr": 0.1, "batch_size": 31, "warmup_fraction": 0}
    settings = [f"experts.text.train.{key}={value}" for key, value in train.items()]
    settings += ["experts.text.dropout=0", "experts.text.pooling=mean"]  # no process waits for an unused pooler
    settings = [word for setting in settings for word in ("--set", setting)]
    one, two = (prepared.copy(tmp_path / name) for name in ("one", "two"))
    one.run("02_train_text.py", *settings)
    fork_two(server, two, "02_train_text.py", *settings)
    log, log_of_two = read_log(one, "text"), read_log(two, "text")
    assert log[-1]["loss"] < log[0]["loss"]
    for record, other in zip(log, log_of_two, strict=True):
        for key in ("loss", "lr", "valid_macro_f1"):
            assert other[key] == pytest.approx(record[key], rel=1e-3), key
    weights, of_two = (load_file(run.run_root / "experts/text/model.safetensors") for run in (one, two))
    for key, value in weights.items():
        torch.testing.assert_close(of_two[key], value, rtol=0, atol=1e-3)


def test_the_log_has_the_schedules_learning_rate_not_that_of_the_lowest_layer(trained):
    for name in SCRIPTS:
        rates = [record["lr"] for record in read_log(trained, name)]
        assert rates[0] <= 0.01
        assert rates[-1] < rates[0] or name != "text"
    assert read_log(trained, "cnn")[0]["lr"] == pytest.approx(0.01)  # the schedule of images has not decayed yet


def test_a_network_trains_on_its_head_alone(prepared, tmp_path, monkeypatch):
    run = prepared.copy(tmp_path / "head")
    settings = ("experts.cnn.train.trainable=head", "experts.cnn.train.layer_decay=1")
    run.run("04_train_image.py", *(word for setting in settings for word in ("--set", setting)))
    monkeypatch.chdir(run.folder)
    context = Context(run.experiment(*settings))
    network = build_network(context, context.experiment.experts["cnn"], run.folder)
    after = load_file(run.run_root / "experts/cnn/model.safetensors")
    changed = {key for key, value in network.model.state_dict().items() if not torch.equal(value, after[key])}
    assert changed == {"head.weight", "head.bias"}


def train_with_labels(workspace: Workspace, epoch: str, *, shuffled: bool) -> list[bytes]:
    """Return the results of the image expert, trained with the labels of the validation products or shuffled ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workspace.folder)
        context = Context(workspace.experiment(f"experts.cnn.train.epoch={epoch}", "experts.cnn.train.epochs=4"))
        products = context.dataset.products.copy()
        valid = products["split"] == "valid"
        if shuffled:
            products.loc[valid, "label"] = np.random.default_rng(0).permutation(products.loc[valid, "label"])
            assert not products.equals(context.dataset.products)
        context.dataset = replace(context.dataset, products=products)
        train_network(context, "cnn", context.experiment.experts["cnn"])
        return results(workspace, "cnn")


def test_labels_of_validation_products_have_no_influence_if_the_last_epoch_is_used(prepared, tmp_path):
    def trained(epoch: str, *, shuffled: bool) -> list[bytes]:
        return train_with_labels(prepared.copy(tmp_path / f"{epoch}-{shuffled}"), epoch, shuffled=shuffled)

    assert trained("last", shuffled=True) == trained("last", shuffled=False)
    assert trained("best", shuffled=True) != trained("best", shuffled=False)


@pytest.mark.parametrize("name", ["text", "cnn"])
def test_the_last_epoch_is_used_if_the_config_says_so(prepared, tmp_path, monkeypatch, name):
    """Whatever the scores are: here they fall from epoch to epoch."""
    run = prepared.copy(tmp_path / "last")
    scores = iter([0.9, 0.1] * 2)
    monkeypatch.setattr(loop, "split_scores", lambda *_: {"valid_macro_f1": next(scores)})
    settings = [f"experts.{name}.train.{key}" for key in ("epoch=last", "keep_last=1")]
    run.run(SCRIPTS[name], *(word for setting in settings for word in ("--set", setting)))
    run_dir = run.run_root / "experts" / name
    assert json.loads((run_dir / "metrics.json").read_text())["best_epoch"] == 2
    assert (run_dir / "model.safetensors").read_bytes() == (run_dir / "late-0.safetensors").read_bytes()
    monkeypatch.chdir(run.folder)
    context = Context(run.experiment(*settings))
    network = build_network(context, context.experiment.experts[name], run_dir)
    load_weights(network.model, run_dir / "late-0.safetensors")
    for split, products in context.dataset.evaluation_splits.items():
        probs = read_probs(run_dir / f"{split}_probs.parquet", products.index, context.dataset.classes)
        assert np.array_equal(probs, predict_products(context, network, products, 32))


def test_a_cut_run_of_the_last_epoch_ends_with_the_uninterrupted_weights(prepared, tmp_path, monkeypatch):
    whole, cut = (prepared.copy(tmp_path / name) for name in ("whole", "cut"))
    arguments = ("02_train_text.py", "--set", "experts.text.train.epoch=last")
    whole.run(*arguments)
    n_saved = len(read_log(whole, "text")) + 2  # one in the midst of each epoch
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", dying(loop.save_checkpoint, n_saved))
        with pytest.raises(Cut):
            cut.run(*arguments)
    assert not (cut.run_root / "experts/text/model.safetensors").exists()
    cut.run(*arguments)
    assert results(cut, "text") == results(whole, "text")
    assert pd.read_parquet(cut.run_root / "experts/text/valid_probs.parquet").notna().all(axis=None)

"""Feature-level fusion: frozen features are the trained experts', by id; end to end starts where the experts start."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.configs import TINY_FROZEN, tiny_config
from helpers.workspace import Workspace
from safetensors.torch import load_file

from latefusion.experts import kinds
from latefusion.experts.context import Context
from latefusion.experts.joint import features
from latefusion.experts.joint.features import FeatureDataset, FeatureStore, open_features
from latefusion.experts.joint.fusion import FUSIONS, FusionHead
from latefusion.experts.network import Network, pooled_features
from latefusion.images.store import NO_IMAGE_GREY
from latefusion.plan.planning import plan
from latefusion.utils.weights import load_weights

EXPERTS = {"text": "camembert", "image": "dcl_clean"}  # of the tiny config's frozen joint expert


@pytest.fixture
def open_context(trained_run, monkeypatch):
    """Open the finished experiment, with overrides; what needs to write opens a copy of it."""

    def opened(*overrides: str, workspace: Workspace = trained_run) -> Context:
        monkeypatch.chdir(workspace.folder)
        return Context(workspace.experiment(*overrides))

    return opened


def build_network(context: Context, name: str) -> Network:
    return kinds.build_network(context, context.experiment.experts[name], context.experiment.expert_dir(name))


def trained(context: Context, name: str) -> Network:
    network = build_network(context, name)
    load_weights(network.model, context.experiment.expert_dir(name) / "model.safetensors")
    network.model.eval()
    return network


def first_batch(network: Network, products: pd.DataFrame) -> dict:
    dataset = network.train_set(products)
    return network.collate([dataset[(index, 0)] for index in range(len(products))])


def read(store: FeatureStore, products: pd.DataFrame) -> np.ndarray:
    return np.stack([store.read(row) for row in store.rows(products)])


def equal(state: dict, other: dict) -> bool:
    return state.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in state.items())


def test_of_a_frozen_joint_expert_only_the_head_is_trained_and_kept(open_context):
    context = open_context()
    network = build_network(context, "frozen")
    assert isinstance(network.model, FusionHead)
    network.model(**first_batch(network, context.dataset.select("train")[:8]))["loss"].backward()
    trained_parameters = {id(parameter) for group in network.param_groups for parameter in group["params"]}
    for name, parameter in network.model.named_parameters():
        assert name.startswith(("fusion.", "head."))
        assert parameter.grad.abs().sum() > 0
        assert id(parameter) in trained_parameters
    kept = load_file(context.experiment.expert_dir("frozen") / "model.safetensors")
    assert kept.keys() == network.model.state_dict().keys()
    assert not equal(kept, network.model.state_dict())  # it has learnt


@pytest.mark.parametrize("name", EXPERTS.values())
def test_cached_features_are_what_the_trained_experts_heads_read(open_context, name):
    context = open_context()
    network, products = trained(context, name), context.dataset.products[::7]
    dataset = network.eval_set(products)
    with torch.no_grad():
        directly = network.model.features(**network.collate([dataset[index] for index in range(len(products))]))
        probs = network.model(**network.collate([dataset[0]]))["logits"].softmax(dim=-1)
        head = network.model.head if name == "camembert" else network.model.class_head
        of_features = head(directly[:1]).softmax(dim=-1)
    assert np.allclose(read(open_features(context, name), products), directly.numpy(), atol=1e-5)
    torch.testing.assert_close(of_features, probs)


def test_features_are_computed_once_for_all_joint_experts(open_context, monkeypatch):
    context = open_context(f"experts.more={TINY_FROZEN | {'fusion': 'sum'}}")
    monkeypatch.setattr(features, "_compute", None)  # a second computation would fail
    network = build_network(context, "more")
    assert isinstance(network.model.fusion, FUSIONS["sum"])
    assert len(list((context.experiment.run_root / "cache").glob("features/*/*/part-*.npy"))) == 2


def test_a_head_starts_alike_whether_its_features_are_computed_or_found(open_context, copied):
    context = open_context(workspace=copied)
    found = build_network(context, "frozen").model.state_dict()
    shutil.rmtree(context.experiment.run_root / "cache" / "features")
    assert equal(build_network(context, "frozen").model.state_dict(), found)


def test_a_retrained_expert_gets_new_features_and_the_old_ones_go(copied, open_context):
    lower = ("--set", "experts.camembert.train.lr=0.001")
    before = {
        name: {path.name for path in copied.run_root.glob(f"cache/features/{name}/*")} for name in EXPERTS.values()
    }
    copied.run("02_train_text.py", *lower)
    copied.run("06_train_joint.py", *lower)
    after = {
        name: {path.name for path in copied.run_root.glob(f"cache/features/{name}/*")} for name in EXPERTS.values()
    }
    assert len(after["camembert"]) == 1
    assert not after["camembert"] & before["camembert"]
    assert after["dcl_clean"] == before["dcl_clean"]
    context = open_context(lower[1], workspace=copied)
    products = context.dataset.select("valid")
    directly = pooled_features(context, trained(context, "camembert"), products, 32)
    assert np.allclose(read(open_features(context, "camembert"), products), directly, atol=1e-5)


def test_features_belong_to_ids_whatever_the_products_order(open_context, copied):
    context = open_context(workspace=copied)
    store, products = open_features(context, "dcl_clean"), context.dataset.select("valid")
    in_order, turned = (read(store, of) for of in (products, products[::-1]))
    assert np.array_equal(turned, in_order[::-1])
    dataset = FeatureDataset(store, store, products[::-1])
    assert np.array_equal(dataset[0]["image"], in_order[-1])
    shutil.rmtree(context.experiment.run_root / "cache" / "features")
    context.dataset = replace(context.dataset, products=context.dataset.products[::-1])
    assert np.allclose(read(open_features(context, "dcl_clean"), products), in_order, atol=1e-5)
    with pytest.raises(ValueError, match="no features of product new"):
        store.rows(products.rename(index={products.index[3]: "new"}))


def test_a_cut_computation_of_features_continues_after_its_last_part(open_context, copied, monkeypatch):
    context = open_context(workspace=copied)
    whole = read(open_features(context, "camembert"), context.dataset.products)
    shutil.rmtree(context.experiment.run_root / "cache" / "features")
    monkeypatch.setattr(features, "CHUNK", 128)  # 300 products: three chunks
    real, computed = pooled_features, []

    def dies(context, network, products, batch_size):
        computed.append(len(products))
        if len(computed) == 3:
            raise KeyboardInterrupt
        return real(context, network, products, batch_size)

    monkeypatch.setattr(features, "pooled_features", dies)
    with pytest.raises(KeyboardInterrupt):
        open_features(context, "camembert")
    store = open_features(context, "camembert")
    assert computed == [128, 128, 44, 44]
    assert np.allclose(read(store, context.dataset.products), whole, atol=1e-5)


def test_a_product_without_an_image_has_the_features_of_a_white_one(open_context, copied):
    context = open_context("image_cache=null", workspace=copied)
    shutil.rmtree(context.experiment.run_root / "cache" / "features")
    products = context.dataset.products.copy()
    products.loc[products.index[5], "image"] = None
    context.dataset = replace(context.dataset, products=products)
    side = context.experiment.experts["dcl_clean"].image.crop
    white = torch.full((1, side, side, 3), NO_IMAGE_GREY, dtype=torch.uint8)
    with torch.no_grad():
        expected = trained(context, "dcl_clean").model.features(white).numpy()
    assert np.allclose(read(open_features(context, "dcl_clean"), products[5:6]), expected, atol=1e-5)
    assert (
        products.index[5] in build_network(context, "frozen").training_products(products).index
    )  # it has a text to learn from


def test_end_to_end_starts_where_its_experts_start_not_where_they_end(open_context):
    context = open_context()
    model = build_network(context, "end_to_end").model
    encoder = build_network(context, "camembert").model.encoder.state_dict()
    net = build_network(context, "cnn_raw").model.net.state_dict()
    assert equal(model.encoder.state_dict(), encoder)
    assert equal(model.net.state_dict(), net)
    assert not equal(trained(context, "camembert").model.encoder.state_dict(), encoder)
    assert not equal(trained(context, "cnn_raw").model.net.state_dict(), net)


def test_end_to_end_on_a_second_stage_starts_from_the_first(open_context, copied):
    context = open_context("experts.end_to_end.image=dcl_clean", workspace=copied)
    model = build_network(context, "end_to_end").model
    assert equal(model.net.state_dict(), trained(context, "cnn_clean").model.net.state_dict())
    assert [need.name for need in plan(context.experiment)["experts/end_to_end"].needs] == ["catalogue", "cnn_clean"]


def test_end_to_end_both_networks_and_the_head_learn_each_at_its_rate(open_context):
    context = open_context("experts.end_to_end.image_lr_factor=3", "experts.end_to_end.head_lr_factor=5")
    network = build_network(context, "end_to_end")
    network.model(**first_batch(network, context.dataset.select("train")[:8]))["loss"].backward()
    assert all(parameter.grad is not None for parameter in network.model.parameters())
    factors = {}
    for group in network.param_groups:
        parameters = list(group["params"])
        assert sum(parameter.grad.abs().sum() for parameter in parameters) > 0
        factors |= {id(parameter): group.get("lr_factor", 1) for parameter in parameters}
    parts = {"encoder": 1, "net": 3, "head": 5}
    for part, factor in parts.items():
        assert {factors[id(parameter)] for parameter in getattr(network.model, part).parameters()} == {factor}
    assert len(factors) == len(list(network.model.parameters()))


def test_end_to_end_reads_what_its_two_experts_read(open_context):
    context = open_context()
    products = context.dataset.select("train")[:12]
    joint, text, image = (build_network(context, name) for name in ("end_to_end", "camembert", "cnn_raw"))
    dataset, texts, images = (network.train_set(products) for network in (joint, text, image))
    assert np.array_equal(dataset.lengths, texts.lengths)
    for index, target in enumerate(context.dataset.targets(products)):
        item = dataset[(index, 1)]
        assert np.array_equal(item["text"]["input_ids"], texts[(index, 1)]["input_ids"])
        assert np.array_equal(item["image"]["images"], images[(index, 1)]["images"])
        assert not np.array_equal(item["image"]["images"], dataset[(index, 2)]["image"]["images"])
        assert item["labels"] == target
    batch = first_batch(joint, products)
    assert batch["text"]["input_ids"].shape == (12, texts.lengths.max())
    assert batch["labels"].tolist() == list(context.dataset.targets(products))
    whole = joint.eval_set(products)[3]
    assert whole.keys() == {"text", "image"}
    assert np.array_equal(whole["image"]["images"], image.eval_set(products)[3]["images"])
    assert (
        len(list((context.experiment.run_root / "cache").glob("tokens-*"))) == 1
    )  # the vocabulary it learns is the text expert's


def test_a_joint_expert_too_can_be_trained_without_the_label_issues(open_context):
    context = open_context("experts.frozen.train_on=clean")
    products = context.dataset.select("train")
    issues = pd.read_parquet(context.experiment.run_root / "denoise" / "label_issues.parquet")
    removed = set(products.index) - set(build_network(context, "frozen").training_products(products).index)
    assert removed == set(issues.index[issues["removed"]])
    needs = [need.name for need in plan(context.experiment)["experts/frozen"].needs]
    assert needs == ["camembert", "dcl_clean", "denoise"]


@pytest.mark.parametrize(
    ("override", "redone"),
    [
        ("experts.camembert.max_length=20", {"frozen", "end_to_end"}),
        ("experts.camembert.train.lr=0.001", {"frozen"}),  # end to end trains that network itself
        ("experts.cnn_raw.model_args.stem_width=16", {"end_to_end"}),
        ("experts.cnn_raw.image.crop=30", {"end_to_end"}),
        ("experts.dcl_clean.loc_weight=0.5", {"frozen"}),
        ("experts.cnn_clean.train.lr=0.001", {"frozen"}),
        ("experts.frozen.hidden_size=8", {"frozen"}),
        ("experts.end_to_end.head_lr_factor=2", {"end_to_end"}),
        ("image_cache=null", {"frozen", "end_to_end"}),
        ("experts.tfidf.min_df=1", set()),
    ],
)
def test_a_joint_expert_is_redone_when_what_it_reads_has_changed(open_context, override, redone):
    jobs = plan(open_context(override).experiment)
    assert {name for name in ("frozen", "end_to_end") if jobs[f"experts/{name}"].state() != "done"} == redone


def test_frozen_needs_its_experts_done_and_end_to_end_does_not(copied, capsys):
    for name in ("camembert", "cnn_raw", "end_to_end", "frozen"):
        shutil.rmtree(copied.run_root / "experts" / name)
    copied.run("06_train_joint.py", "--only", "end_to_end")
    assert (copied.run_root / "experts/end_to_end/valid_probs.parquet").exists()
    with pytest.raises(SystemExit):
        copied.run("06_train_joint.py")
    assert "frozen needs camembert, which is not done: run src/02_train_text.py --config" in capsys.readouterr().err


def test_a_late_checkpoint_of_a_joint_expert_is_an_expert(copied):
    config = tiny_config()
    config["experts"]["frozen"] = TINY_FROZEN | {"train": TINY_FROZEN["train"] | {"keep_last": 2}}
    config["experts"]["late"] = {"kind": "late", "of": "frozen", "epochs_before_end": 1}
    copied.write_config(config)
    copied.run("06_train_joint.py")
    weights = (copied.run_root / "experts" / name for name in ("late/model.safetensors", "frozen/late-1.safetensors"))
    assert len({path.read_bytes() for path in weights}) == 1
    assert copied.experiment().modality("late") == "joint"

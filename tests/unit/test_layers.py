"""Partly frozen backbones: what is a layer, what is trained and how fast, and what a frozen layer computes."""

import random
from itertools import pairwise

import pandas as pd
import pytest
import timm
import torch
from helpers.configs import tiny_config
from helpers.frozen import PARTLY_CNN, PARTLY_DCL, PARTLY_JOINT, PARTLY_TEXT, save_tiny_encoder
from torch import nn
from transformers import (
    AlbertConfig,
    AutoModel,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    FunnelBaseModel,
    FunnelConfig,
    ModernBertConfig,
    XLMConfig,
)

from latefusion.config import CnnExpert, Experiment, ImageTraining, TextTraining
from latefusion.experts.checks import check_networks
from latefusion.experts.image.backbone import TimmBackbone, timm_layers
from latefusion.experts.image.cnn import ImageClassifier
from latefusion.experts.layers import Layers, backbone_groups, join_equal
from latefusion.experts.text.encoder_layers import encoder_layers
from latefusion.experts.text.transformer import TextClassifier
from latefusion.plan.planning import plan
from latefusion.training.frozen import set_train_mode
from latefusion.training.optim import make_optimizer
from latefusion.utils.errors import InputError

SIZES = {
    "vocab_size": 50, "hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 8,
    "max_position_embeddings": 16, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1,
    "sep_token_id": 2,
}  # fmt: skip


def backbone(model: str, **model_args) -> TimmBackbone:
    torch.manual_seed(0)
    return TimmBackbone(CnnExpert(model=model, pretrained=False, model_args=model_args), pretrained=False)


def names(module: nn.Module, parameters: list) -> set[str]:
    of = {id(parameter): name for name, parameter in module.named_parameters()}
    return {of[id(parameter)] for parameter in parameters}


def assert_each_once(module: nn.Module, layers: Layers) -> None:
    found = [*layers.below, *layers.above, *(parameter for layer in layers.layers for parameter in layer)]
    assert sorted(map(id, found)) == sorted(map(id, module.parameters()))
    assert layers.layers
    assert all(layers.layers)


@pytest.mark.parametrize("model", random.Random(1).sample(timm.list_models("test_*"), 8))
def test_every_parameter_of_a_timm_model_is_in_one_layer(model):
    with torch.device("meta"):
        net = backbone(model)
        assert_each_once(net, timm_layers(net))


@pytest.mark.parametrize(
    ("model", "n_layers", "below", "last", "above"),
    [
        ("tf_efficientnet_lite0", 16, "backbone.conv_stem.weight", "backbone.conv_head.weight", set()),
        ("resnet50", 16, "backbone.conv1.weight", "backbone.layer4.2.conv3.weight", set()),
        (
            "convnext_atto", 12, "backbone.stem.0.weight", "backbone.stages.3.blocks.1.mlp.fc2.weight",
            {"backbone.head.norm.weight", "backbone.head.norm.bias"},
        ),
        ("vit_tiny_patch16_224", 12, "backbone.pos_embed", "backbone.norm.weight", set()),
        ("inception_v3", 12, "backbone.Conv2d_1a_3x3.conv.weight", "backbone.Mixed_7c.branch_pool.conv.weight", set()),
    ],
)  # fmt: skip
def test_the_layers_of_a_timm_model_are_its_own_groups(model, n_layers, below, last, above):
    with torch.device("meta"):
        net = backbone(model)
    layers = timm_layers(net)
    assert_each_once(net, layers)
    assert len(layers.layers) == n_layers
    assert below in names(net, layers.below)
    assert last in names(net, layers.layers[-1])
    assert names(net, layers.above) == above


def trained_names(model: ImageClassifier, trainable: str | int) -> set[str]:
    """Return the names of the parameters that are trained, by the groups and by their gradients alike."""
    groups = backbone_groups(model.net, timm_layers, ImageTraining(trainable=trainable))
    in_groups = names(model, [one for group in groups for one in group["params"]])
    assert in_groups == {name for name, one in model.net.named_parameters(prefix="net") if one.requires_grad}
    return {name.removeprefix("net.backbone.") for name in in_groups}


@pytest.mark.parametrize(
    ("trainable", "trained"),
    [
        ("head", set()),  # "learn only the last layer", Zahavy et al., section 4.3
        (1, {"pre_logits.fc2"}),
        (2, {"pre_logits.fc2", "pre_logits.fc1"}),
        (3, {"pre_logits.fc2", "pre_logits.fc1", "features.28"}),
    ],
)
def test_the_last_layers_of_vgg_are_its_fully_connected_ones(trainable, trained):
    with torch.device("meta"):
        model = ImageClassifier(backbone("vgg16"), 2890)
    assert_each_once(model.net, timm_layers(model.net))
    parameters = {f"{layer}.{name}" for layer in trained for name in ("weight", "bias")}
    assert trained_names(model, trainable) == parameters


def test_vgg16_is_the_network_of_the_paper_and_its_features_are_the_last_hidden_layer():
    """Thirteen convolutions of 3 x 3, two fully connected layers of 4,096, one of 2,890, of 224 x 224 pixels."""
    with torch.device("meta"):
        model = ImageClassifier(backbone("vgg16"), 2890).eval()
        features = model.features(torch.zeros(1, 224, 224, 3, dtype=torch.uint8))
    widths = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    convolutions = sum(9 * before * after + after for before, after in pairwise(widths))
    connected = (512 * 7 * 7 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 2890
    assert sum(one.numel() for one in model.parameters()) == convolutions + connected == 146_100_874
    assert features.shape == (1, 4096)
    assert model.feature_size == model.net.pooled_size == 4096


@pytest.mark.parametrize("trainable", ["all", "head", 1])
def test_a_step_of_vgg_trains_what_is_to_be_trained(trainable):
    model = ImageClassifier(backbone("vgg11", mlp_ratio=0.01, drop_rate=0.5), 3)  # fc6 with 40 units
    trained = {f"net.backbone.{name}" for name in trained_names(model, trainable)} | {"head.weight", "head.bias"}
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    optimizer = torch.optim.SGD([one for one in model.parameters() if one.requires_grad], lr=0.1)
    set_train_mode(model)
    images = torch.randint(256, (4, 32, 32, 3), dtype=torch.uint8)
    loss = model(images, torch.tensor([0, 1, 2, 0]))["loss"]
    loss.backward()
    optimizer.step()
    assert loss.isfinite()
    assert {name for name, one in model.named_parameters() if not torch.equal(one, before[name])} == trained
    if trainable == "all":
        assert len(trained) == len(before)


def test_four_layers_of_resnet50_are_nearest_to_the_last_forty_of_keras():
    """Keras counts 175 layers without pooling and classes; its last 40 end in the last block of the fourth stage.

    That block has ten: conv, bn, relu, conv, bn, relu, conv, bn, add, relu. The fifth stage has 12 + 10 + 10.
    """
    with torch.device("meta"):
        model = ImageClassifier(backbone("resnet50"), 122)
    sizes = {name.removeprefix("net.backbone."): one.numel() for name, one in model.named_parameters()}
    of_keras = {name for name in sizes if name.startswith("layer4.")}
    of_keras |= {f"layer3.5.{layer}" for layer in ("conv2.weight", "bn2.weight", "bn2.bias", "conv3.weight")}
    of_keras |= {"layer3.5.bn3.weight", "layer3.5.bn3.bias"}
    ours = trained_names(model, 4)
    assert ours - of_keras == {"layer3.5.conv1.weight", "layer3.5.bn1.weight", "layer3.5.bn1.bias"}
    assert of_keras < ours
    more = sum(map(sizes.get, ours)) / sum(map(sizes.get, of_keras)) - 1
    assert 0.016 < more < 0.017


def test_a_timm_model_without_groups_is_refused_if_they_are_needed():
    with torch.device("meta"):
        net = backbone("pit_ti_224")
    with pytest.raises(InputError, match=r"no layers of a PoolingVisionTransformer .*set train.trainable to all"):
        backbone_groups(net, timm_layers, ImageTraining(trainable=1))
    assert len(backbone_groups(net, timm_layers, ImageTraining())) == 1


@pytest.mark.parametrize(
    ("config", "n_layers", "layer", "below", "above"),
    [
        (BertConfig(**SIZES), 3, "encoder.layer.2.", {"embeddings."}, {"pooler."}),
        (ElectraConfig(**SIZES, embedding_size=4), 3, "encoder.layer.2.", {"embeddings"}, set()),  # with a projection
        (DistilBertConfig(vocab_size=50, dim=8, n_layers=3, n_heads=2, hidden_dim=8), 3, "transformer.layer.2.",
         {"embeddings."}, set()),
        (ModernBertConfig(**SIZES), 3, "layers.2.", {"embeddings."}, {"final_norm."}),
        (DebertaV2Config(**SIZES, relative_attention=True, norm_rel_ebd="layer_norm", pos_att_type="p2c"), 3,
         "encoder.layer.2.", {"embeddings.", "encoder.rel_embeddings.", "encoder.LayerNorm."}, set()),
        # shares the weights of its layers
        (AlbertConfig(**SIZES, embedding_size=4), 1, "encoder.albert_layer_groups.0.",
         {"embeddings.", "encoder.embedding_hidden_mapping_in."}, {"pooler."}),
        # has several lists of parts of layers
        (XLMConfig(vocab_size=50, emb_dim=8, n_layers=3, n_heads=2, max_position_embeddings=16), 3,
         ("attentions.2.", "layer_norm1.2.", "ffns.2.", "layer_norm2.2."),
         {"position_embeddings.", "embeddings.", "layer_norm_emb."}, set()),
    ],
    ids=lambda value: getattr(value, "model_type", None),
)  # fmt: skip
def test_the_layers_of_an_encoder_are_found_whatever_its_architecture(config, n_layers, layer, below, above):
    encoder = AutoModel.from_config(config)
    layers = encoder_layers(encoder)
    assert_each_once(encoder, layers)
    assert len(layers.layers) == n_layers
    assert all(name.startswith(layer) for name in names(encoder, layers.layers[-1]))
    for found, prefixes in ((layers.below, below), (layers.above, above)):
        assert all(name.startswith(tuple(prefixes)) for name in names(encoder, found))
        for prefix in prefixes:
            assert any(name.startswith(prefix) for name in names(encoder, found))


def test_an_encoder_without_a_list_of_layers_is_refused_if_they_are_needed():
    class Encoder(nn.Module):
        config = BertConfig()

    with pytest.raises(InputError, match=r"layers of a bert encoder are not known: set train.trainable to all"):
        encoder_layers(Encoder())


def test_blocks_of_layers_are_layers():
    """Funnel has blocks of layers of one resolution."""
    config = FunnelConfig(vocab_size=50, block_sizes=[1, 2], d_model=8, n_head=2, d_head=4, d_inner=8)
    assert len(encoder_layers(FunnelBaseModel(config)).layers) == 2


def bert() -> nn.Module:
    torch.manual_seed(0)
    return AutoModel.from_config(BertConfig(**SIZES))


def rates(groups: list[dict], module: nn.Module, training: TextTraining) -> dict[str, float]:
    """Return the learning rate of each parameter by its name, as the optimizer has it."""
    optimizer = make_optimizer(groups, training)
    of = {id(parameter): name for name, parameter in module.named_parameters()}
    pairs = [(of[id(one)], group["lr"]) for group in optimizer.param_groups for one in group["params"]]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@pytest.mark.parametrize(
    ("trainable", "decay"),
    [("head", 1.0), *((trainable, decay) for trainable in ("all", 1, 2, 3) for decay in (1.0, 0.5))],
)
def test_the_learning_rate_falls_with_the_distance_from_the_heads(trainable, decay):
    encoder, training = bert(), TextTraining(lr=0.1, trainable=trainable, layer_decay=decay)
    groups = backbone_groups(encoder, encoder_layers, training, lr_factor=3)
    n_trained = {"all": 4, "head": 0}.get(trainable, trainable)
    distances = {"pooler": 0, "encoder.layer.2": 1, "encoder.layer.1": 2, "encoder.layer.0": 3, "embeddings": 4}
    trained = {part: distance for part, distance in distances.items() if distance <= n_trained}
    found = rates(groups, encoder, training)
    for name, parameter in encoder.named_parameters():
        part = next(part for part in distances if name.startswith(part))
        assert parameter.requires_grad == (name in found) == (part in trained)
        if part in trained:
            assert found[name] == pytest.approx(0.3 * decay ** trained[part])
    assert len(groups) == (1 if decay == 1 else len(trained))


def test_by_default_a_classifier_is_one_group_in_the_order_of_its_parameters():
    model = TextClassifier(bert(), 3, bias=True)
    head = {"params": list(model.head.parameters()), "lr_factor": 1.0}
    groups = join_equal([*backbone_groups(model.encoder, encoder_layers, TextTraining()), head])
    assert len(groups) == 1
    assert list(map(id, groups[0]["params"])) == list(map(id, model.parameters()))
    faster = join_equal([*backbone_groups(model.encoder, encoder_layers, TextTraining()), head | {"lr_factor": 2.0}])
    assert [group["lr_factor"] for group in faster] == [1.0, 2.0]


def test_a_mean_over_tokens_ignores_padding_and_needs_no_pooler():
    encoder = bert()
    pooled = TextClassifier(encoder, 3, bias=True, pooling="mean").eval().features
    ids, mask = torch.tensor([[5, 6, 7, 0, 0], [5, 6, 7, 8, 9]]), torch.tensor([[1, 1, 1, 0, 0], [1] * 5])
    features = pooled(input_ids=ids, attention_mask=mask)
    alone = pooled(input_ids=ids[:1, :3], attention_mask=mask[:1, :3])
    torch.testing.assert_close(features[:1], alone)
    hidden = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(features[1], hidden[1].mean(dim=0))
    assert encoder_layers(encoder).above == []
    groups = backbone_groups(encoder, encoder_layers, TextTraining(trainable=1, layer_decay=0.5))
    assert [group["lr_factor"] for group in groups] == [0.5]


def test_nothing_is_computed_backwards_below_the_lowest_trained_layer():
    encoder = bert()
    backbone_groups(encoder, encoder_layers, TextTraining(trainable=1))
    model, on_graph = TextClassifier(encoder, 3, bias=True), {}
    for name, layer in enumerate(encoder.encoder.layer):
        layer.register_forward_hook(lambda _, __, out, name=name: on_graph.update({name: out.requires_grad}))
    set_train_mode(model)
    ids = torch.arange(12).reshape(2, 6)
    model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=torch.tensor([0, 1]))["loss"].backward()
    assert on_graph == {0: False, 1: False, 2: True}
    with_grad = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert with_grad == {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name.split(".")[0] for name in with_grad} == {"encoder", "head"}


def test_gradients_flow_through_recomputed_layers_above_frozen_embeddings():
    """Activations that require no gradient would end the graph of torch's reentrant checkpoints."""
    gradients = []
    for checkpointing in (False, True):
        encoder = bert()
        if checkpointing:
            encoder.activation_checkpointing_enable()
        backbone_groups(encoder, encoder_layers, TextTraining(trainable=3))
        torch.manual_seed(0)
        model = TextClassifier(encoder, 3, bias=True)
        set_train_mode(model)
        ids = torch.arange(12).reshape(2, 6)
        torch.manual_seed(0)
        model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=torch.tensor([0, 1]))["loss"].backward()
        gradients.append({name: one.grad for name, one in model.named_parameters() if one.requires_grad})
    plain, recomputed = gradients
    assert any(name.startswith("encoder.encoder.layer.0") for name in plain)
    assert all(gradient.abs().sum() > 0 for name, gradient in plain.items() if name.endswith("dense.weight"))
    for name, gradient in plain.items():
        assert torch.equal(gradient, recomputed[name]), name


def test_frozen_layers_compute_as_in_evaluation_and_keep_their_statistics():
    net = backbone("test_efficientnet", drop_path_rate=0.5)
    model = ImageClassifier(net, 3)
    groups = backbone_groups(net, timm_layers, ImageTraining(trainable=2))
    optimizer = make_optimizer([*groups, {"params": list(model.head.parameters())}], ImageTraining(lr=0.1))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    outputs = {}
    net.backbone.conv_stem.register_forward_hook(lambda *call: outputs.setdefault("stem", []).append(call[2]))
    blocks = [block for stage in net.backbone.blocks for block in stage]
    blocks[-3].register_forward_hook(lambda *call: outputs.setdefault("frozen", []).append(call[2].detach()))
    blocks[-1].register_forward_hook(lambda *call: outputs.setdefault("trained", []).append(call[2].detach()))
    images = torch.randint(256, (4, 64, 64, 3), dtype=torch.uint8)
    for mode in (model.eval, lambda: set_train_mode(model)):
        mode()
        model(images, torch.tensor([0, 1, 2, 0]))["loss"].backward()
    assert torch.equal(*outputs["frozen"])
    assert not torch.equal(*outputs["trained"])
    optimizer.step()
    trained = names(model, [parameter for group in optimizer.param_groups for parameter in group["params"]])
    frozen = {name for name, _ in model.named_parameters()} - trained
    assert frozen
    for name, value in model.state_dict().items():
        module = name.rpartition(".")[0]
        changes = name in trained or any(one.startswith(module) for one in trained)
        assert torch.equal(value, before[name]) != changes, name
    assert any(name.endswith("running_mean") and not torch.equal(value, before[name])
               for name, value in model.state_dict().items())  # fmt: skip


def test_a_network_that_is_trained_as_a_whole_is_in_training_mode_as_a_whole():
    model = ImageClassifier(backbone("test_efficientnet"), 3).eval()
    set_train_mode(model)
    assert all(module.training for module in model.modules())


@pytest.fixture
def pretrained(no_hub, unreachable_hub) -> None:
    """A tiny encoder of four layers in weights/pretrained/; the layers of the CNN are known without its weights."""
    texts = {"title": ["une lampe rouge", "un livre vert"] * 20, "description": [None] * 40}
    save_tiny_encoder(pd.DataFrame(texts), layers=4)


def check(name: str, **train) -> None:
    """Check the network of one expert, with other settings in its `train` section."""
    config = tiny_config() | {"name": "tiny", "image_cache": None}
    partly = {"text": PARTLY_TEXT, "cnn": PARTLY_CNN, "dcl": PARTLY_DCL, "joint": PARTLY_JOINT}
    config["experts"] |= partly | {name: partly[name] | {"train": partly[name]["train"] | train}}
    experiment = Experiment.model_validate(config)
    check_networks(experiment, [job for job in plan(experiment).values() if job.name == name])


@pytest.mark.usefixtures("pretrained")
@pytest.mark.parametrize(
    ("name", "n_layers", "key"),
    [("text", 4, "text"), ("cnn", 5, "cnn"), ("dcl", 5, "dcl"), ("joint", 4, r"joint \(text\)")],
)
def test_more_layers_than_there_are_is_refused_before_any_training(name, n_layers, key):
    check(name, trainable=n_layers)
    message = rf"experts\.{key}: train\.trainable {n_layers + 1}: the backbone has {n_layers} layers"
    with pytest.raises(InputError, match=message):
        check(name, trainable=n_layers + 1)


@pytest.mark.usefixtures("pretrained")
def test_a_joint_expert_names_each_of_its_networks_that_has_too_few_layers():
    with pytest.raises(InputError) as caught:
        check("joint", trainable=9)
    assert "experts.joint (text): train.trainable 9: the backbone has 4" in str(caught.value)
    assert "experts.joint (cnn): train.trainable 9: the backbone has 5" in str(caught.value)

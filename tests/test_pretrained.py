"""Pretrained weights: found where the README says, loaded rightly, refused by name."""

import pandas as pd
import pytest
import timm
import torch
from conftest import Place, tiny_page
from safetensors.torch import load_file, save_file
from transformers import CamembertConfig, CamembertModel

from latefusion.config import CnnExpert, TransformerExpert
from latefusion.errors import InputError
from latefusion.experts.cnn import ImageNet
from latefusion.experts.encoder import load_encoder
from latefusion.experts.transformer import learn_tokenizer, make_encoder
from latefusion.pretrained import FOLDER, find_encoder, find_timm


@pytest.fixture(autouse=True)
def no_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("latefusion.pretrained._ask_hub", lambda name: "cannot be reached")


@pytest.fixture
def folder(tmp_path):
    """A tiny CamemBERT as a user would put it into weights/pretrained/."""
    folder = tmp_path / FOLDER / "tiny-bert"
    products = pd.DataFrame({"title": ["une lampe rouge", "un livre vert"] * 20, "description": [None] * 40})
    expert = TransformerExpert(kind="transformer", scratch={"vocab_size": 100, "hidden_size": 16}, max_length=16)
    tokenizer = learn_tokenizer(products, expert, tmp_path / "learnt")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    make_encoder(expert, tokenizer).save_pretrained(folder)
    return folder


def change_weights(folder, change) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(change(weights), folder / "model.safetensors", metadata={"format": "pt"})


def test_an_encoder_is_found_by_the_last_part_of_its_name_and_loaded(folder):
    source = find_encoder("someone/tiny-bert")
    assert source == str(FOLDER / "tiny-bert")
    _, encoder = load_encoder(source)
    for key, value in load_file(folder / "model.safetensors").items():
        assert torch.equal(encoder.state_dict()[key], value)


def test_half_precision_weights_come_out_in_single(folder):
    change_weights(folder, lambda weights: {key: value.half() for key, value in weights.items()})
    _, encoder = load_encoder(str(folder))
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}


def test_only_the_pooler_may_be_missing(folder):
    change_weights(folder, lambda weights: {key: value for key, value in weights.items() if "pooler" not in key})
    load_encoder(str(folder))
    change_weights(
        folder, lambda weights: {key: value for key, value in weights.items() if "layer.1.output" not in key}
    )
    with pytest.raises(InputError, match=r"lack \d+ tensors of the encoder, such as encoder\.layer\.1\.output"):
        load_encoder(str(folder))


def test_a_vocabulary_larger_than_the_embeddings_is_refused(folder):
    small = CamembertModel(CamembertConfig(vocab_size=20, hidden_size=16, num_attention_heads=2, num_hidden_layers=1))
    small.save_pretrained(folder)
    with pytest.raises(InputError, match="embeddings for 20"):
        load_encoder(str(folder))


def test_a_timm_network_is_loaded_from_its_file():
    expert = CnnExpert(model="test_resnet.r160_in1k")
    source = timm.create_model(expert.model)
    folder = FOLDER / expert.model
    folder.mkdir(parents=True)
    save_file(source.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    assert find_timm(expert.model) == folder / "model.safetensors"
    net = ImageNet(expert, pretrained=True)
    assert torch.equal(net.backbone.state_dict()["conv1.0.weight"], source.state_dict()["conv1.0.weight"])


def test_missing_weights_are_all_named_before_anything_is_trained(tmp_path, capsys):
    place = Place(tmp_path)
    page = tiny_page()
    page["experts"]["camembert"] = {"kind": "transformer", "model": "almanach/camembert-base"}
    page["experts"]["cnn_raw"] = {"kind": "cnn", "model": "resnet152.tv_in1k", "image": {"resize": 48, "crop": 32}}
    place.write_page(page)
    with pytest.raises(SystemExit):
        place.run("02_train_text.py")
    error = capsys.readouterr().err
    for part in (
        "almanach/camembert-base",
        "weights/pretrained/camembert-base/",
        "timm/resnet152.tv_in1k",
        "hf download",
    ):
        assert part in error
    assert not (tmp_path / "weights").exists()

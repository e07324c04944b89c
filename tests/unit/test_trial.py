"""Networks that cannot be built are refused before the first one trains, all at once and in seconds."""

import random
import time

import pandas as pd
import pytest
import timm
import torch
from helpers.configs import TINY_CNN, TINY_DCL, tiny_config
from transformers import CamembertConfig, CamembertModel, T5Config

from latefusion.config import CnnExpert, Experiment, TransformerExpert
from latefusion.experts.checks import check_networks
from latefusion.experts.image.backbone import TimmBackbone
from latefusion.experts.image.cnn import ImageClassifier
from latefusion.experts.text.scratch_encoder import learn_tokenizer
from latefusion.plan.planning import plan
from latefusion.utils.errors import InputError


def experiment(**experts: dict) -> Experiment:
    config = tiny_config() | {"name": "tiny", "image_cache": None}
    config["experts"] = config["experts"] | experts
    return Experiment.model_validate(config)


def check(*names: str, **experts: dict) -> None:
    of = experiment(**experts)
    check_networks(of, [job for job in plan(of).values() if job.name in (names or experts)])


def test_every_kind_of_network_that_can_be_built_passes():
    tiny = experiment()
    check_networks(tiny, plan(tiny).values())


@pytest.mark.parametrize(
    ("expert", "message"),
    [
        (TINY_CNN | {"model": "resnet10"}, "experts.new: model: timm has no model 'resnet10'; did you mean 'resnet"),
        (TINY_CNN | {"model": "resnet18.a9_in1k"}, "timm has no weights 'a9_in1k' for resnet18; did you mean"),
        (TINY_CNN | {"model_args": {"chanels": [8]}}, "unexpected keyword argument 'chanels'"),
        (TINY_CNN | {"model_args": {"channels": "wide"}}, "resnet10t: timm cannot build it with model_args"),
        (TINY_CNN | {"model": "vit_tiny_patch16_224", "model_args": {}}, "cannot read images of 32 pixels"),
        (TINY_DCL | {"start_from": "wide"}, "experts.new: grid 2 does not fit"),
        (TINY_DCL | {"start_from": "vit"}, "the backbone of 'vit' has no square feature map"),
        (TINY_CNN | {"train": {"batch_size": 1, "epochs": 1}}, "experts.new.train.batch_size 1 is too small"),
    ],
)
def test_what_cannot_be_built_is_refused(monkeypatch, expert, message):
    monkeypatch.setenv("WORLD_SIZE", "2")
    wide = TINY_CNN | {"model_args": {"channels": [8, 8, 16, 16]}}  # a map of one cell
    vit = TINY_CNN | {"model": "vit_tiny_patch16_224", "model_args": {"img_size": 32}}
    with pytest.raises(InputError) as caught:
        check("new", new=expert, wide=wide, vit=vit)
    assert message in str(caught.value)


def test_all_problems_are_listed_and_only_those_of_the_jobs():
    experts = {name: TINY_CNN | {"model": name} for name in ("nonet1", "nonet2", "nonet3")}
    with pytest.raises(InputError) as caught:
        check("nonet1", "nonet2", **experts)
    assert "nonet1" in str(caught.value)
    assert "nonet2" in str(caught.value)
    assert "nonet3" not in str(caught.value)


def test_half_precision_needs_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    tiny = Experiment.model_validate(tiny_config() | {"name": "tiny", "hardware": {"mixed_precision": "fp16"}})
    with pytest.raises(InputError, match=r"hardware.mixed_precision: fp16 needs a GPU"):
        check_networks(tiny, [])


def test_networks_of_all_sizes_are_tried_without_their_memory():
    started = time.process_time()
    check("cnn", "dcl", cnn={"kind": "cnn", "model": "resnet152.tv_in1k"}, dcl={"kind": "dcl", "start_from": "cnn"})
    assert time.process_time() - started < 30


def test_the_trial_refuses_nothing_that_works():
    """Networks of other families, each at its own size of image."""
    for name in random.Random(0).sample(timm.list_models("test_*"), 8):
        side = timm.get_pretrained_cfg(name).input_size[-1]
        image = {"resize": side, "crop": side}
        net = TimmBackbone(CnnExpert(model=name, pretrained=False), pretrained=False)
        model = ImageClassifier(net, 2).eval()
        assert model(torch.zeros(1, side, side, 3, dtype=torch.uint8))["logits"].shape == (1, 2)
        check(new=TINY_CNN | {"model": name, "model_args": {}, "image": image})


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    """A folder of the user's that holds a tiny CamemBERT."""
    monkeypatch.chdir(tmp_path)
    products = pd.DataFrame({"title": ["une lampe rouge", "un livre vert"] * 20, "description": [None] * 40})
    scratch = TransformerExpert(kind="transformer", scratch={"vocab_size": 100})
    tokenizer = learn_tokenizer(products, scratch, tmp_path / "learnt")
    tokenizer.save_pretrained("encoder")
    config = CamembertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=32, pad_token_id=1, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    CamembertModel(config).save_pretrained("encoder")
    return {"kind": "transformer", "model": "encoder", "max_length": 30}


def test_an_encoder_on_this_machine_is_tried_with_its_length_and_one_elsewhere_is_not(encoder):
    check(new=encoder, elsewhere=encoder | {"model": "someone/else"})
    with pytest.raises(
        InputError, match=r"experts.new: encoder: max_length 31 is more than the encoder's 30 positions"
    ):
        check(new=encoder | {"max_length": 31})


def test_a_model_that_decodes_is_refused(encoder):
    T5Config().save_pretrained("encoder")
    with pytest.raises(InputError, match="a t5 model is an encoder-decoder; use an encoder"):
        check(new=encoder)


def test_a_network_that_needs_numbers_is_not_checked_before_its_training(monkeypatch):
    def count(*_, **__):
        return torch.ones(1).sum().item()

    monkeypatch.setattr(timm, "create_model", count)
    check(new=TINY_CNN)

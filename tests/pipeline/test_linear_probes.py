"""Linear probes from end to end: features are computed once for all experts and experiments, and are the right ones."""

import re
import shutil
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.frozen import CNN, ENCODER
from helpers.launch import fork_two
from helpers.probes import FILES, IMAGE, TEXT, TITLES, make_shop, probe_config, products, train, write_shop
from helpers.workspace import Workspace

from latefusion.config import CnnExpert
from latefusion.experts.context import Context
from latefusion.experts.image.backbone import TimmBackbone
from latefusion.experts.kinds import EXPERTS
from latefusion.experts.probe import features
from latefusion.experts.probe.classifier import ProbeClassifier
from latefusion.experts.probe.features import read_features
from latefusion.experts.probe.image import image_views
from latefusion.experts.probe.text import text_view
from latefusion.experts.text.pretrained_encoder import load_encoder
from latefusion.images.store import read_image, resize
from latefusion.plan.pretrained import find_encoder
from latefusion.utils.files import read_json

N = 72


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Workspace:
    """The shop, prepared; tests must not change it."""
    rows = products(N)
    rows[1]["image"] = rows[4]["image"] = rows[5]["image"] = ""  # of train, valid and test
    return make_shop(Workspace(tmp_path_factory.mktemp("prepared")), rows, probe_config())


@pytest.fixture(scope="module")
def trained(prepared, tmp_path_factory) -> Workspace:
    """The shop, with both probes trained; tests must not change it."""
    workspace = prepared.copy(tmp_path_factory.mktemp("trained") / "shop")
    train(workspace)
    return workspace


@pytest.fixture
def shop(trained, tmp_path, monkeypatch) -> Workspace:
    """A copy of the trained shop, which is the current folder."""
    copy = trained.copy(tmp_path / "copy")
    monkeypatch.chdir(copy.folder)
    return copy


@pytest.fixture
def computed(monkeypatch) -> list[int]:
    """The numbers of features that are computed from now on, one per chunk."""
    counts: list[int] = []
    original = features._features_of

    def count(context, view, network, rows):
        counts.append(len(rows))
        return original(context, view, network, rows)

    monkeypatch.setattr(features, "_features_of", count)
    return counts


def run_both(workspace: Workspace, *scripts: str) -> None:
    for script in scripts:
        workspace.run(script)


def read_probs(workspace: Workspace, expert: str, split: str, name: str = "tiny") -> pd.DataFrame:
    return pd.read_parquet(workspace.folder / f"weights/{name}/experts/{expert}/{split}_probs.parquet")


def n_stored(workspace: Workspace) -> int:
    """Return the number of features in the store."""
    return sum(len(np.load(path)["keys"]) for path in workspace.folder.glob("weights/features/*/*.npz"))


def test_probes_learn_and_write_their_run_folders(trained):
    rows = pd.DataFrame(products(N)).set_index("id")
    for expert in ("text", "image"):
        assert {path.name for path in (trained.run_root / "experts" / expert).iterdir()} == FILES
        metrics = read_json(trained.run_root / "experts" / expert / "metrics.json")
        assert metrics["C"] == 0.1
        assert metrics["valid_accuracy"] > 0.8
        for split in ("valid", "test"):
            probs = read_probs(trained, expert, split)
            assert sorted(probs.index) == sorted(rows.index[rows["split"] == split])
            right = probs.idxmax(axis=1) == rows.loc[probs.index, "label"]
            assert right[(rows.loc[probs.index, "image"] != "") | (expert == "text")].mean() > 0.8


def test_products_without_an_image_get_the_class_frequencies_of_train(trained):
    prepared = trained.read_products()
    without = prepared.index[prepared["image"].isna()]
    assert list(without) == ["p1", "p4", "p5"]
    labels = prepared.loc[prepared["split"] == "train", "label"]
    for split, id_ in {"valid": "p4", "test": "p5"}.items():
        probs = read_probs(trained, "image", split)
        frequencies = labels.value_counts(normalize=True)[probs.columns]
        np.testing.assert_allclose(probs.loc[id_], frequencies, rtol=1e-6)
        assert (abs(probs.drop(id_) - frequencies).max(axis=1) > 0.01).all()


def test_features_are_those_of_the_network_and_a_saved_probe_predicts_from_them(shop):
    context = Context(shop.experiment("experts.image.flip=true"))
    table = context.dataset.products
    images = table.loc[table["image"].notna(), "image"]
    net = TimmBackbone(CnnExpert(model=CNN), pretrained=True).eval()
    views = image_views(context, "image", context.experiment.experts["image"], images)
    for view, (size, step) in zip(views, [(32, 1), (32, -1), (48, 1), (48, -1)], strict=True):
        pixels = np.stack([resize(read_image(shop.folder / "shop" / path), size)[:, ::step] for path in images])
        with torch.no_grad():
            directly = net(torch.from_numpy(pixels.copy())).numpy()
        np.testing.assert_allclose(read_features(context, view), directly, atol=1e-5)

    text = text_view(context, "text", context.experiment.experts["text"])
    tokenizer, encoder = load_encoder(find_encoder(ENCODER), max_length=16)
    encoder.eval()
    with torch.no_grad():
        directly = [
            encoder(**tokenizer(title, truncation=True, max_length=16, return_tensors="pt")).last_hidden_state[0]
            for title in table["title"]
        ]
    found = read_features(context, text)
    np.testing.assert_allclose(found, torch.stack([hidden.mean(dim=0) for hidden in directly]).numpy(), atol=1e-5)
    probe = ProbeClassifier.load(shop.run_root / "experts/text/model.safetensors")
    test = read_probs(shop, "text", "test")
    np.testing.assert_allclose(probe.predict_proba(found[table.index.get_indexer(test.index)]), test, atol=1e-6)


# --- shared features -------------------------------------------------------------------------------------------------


def test_other_experts_and_experiments_compute_nothing_again(shop, computed):
    more = {"other": TEXT | {"standardise": False}, "one_size": IMAGE | {"sizes": [48], "seed": 7}}
    shop.write_config(probe_config(**more))
    train(shop)
    shop.write_config(probe_config() | {"split": {"test_fraction": 0.3}})
    other = ("--set", "name=other", "--set", "catalogue.columns.split=null")
    shop.run("01_prepare.py", *other)
    train(shop, *other)
    assert computed == []
    assert (shop.folder / "weights/other/experts/image/model.safetensors").is_file()


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ("experts.text.max_length=12", N),
        ("experts.text.pooling=published", N),
        ("experts.image.sizes=[48,40]", N - 3),
        ("experts.image.flip=true", 2 * (N - 3)),
        ("hardware.mixed_precision=bf16", N + 2 * (N - 3)),
    ],
)
def test_what_changes_the_features_computes_them_anew(shop, computed, settings, count):
    for name in ("text", "image"):
        shutil.rmtree(shop.run_root / "experts" / name)  # the precision is no reason to do a job again
    train(shop, "--set", settings)
    assert sum(computed) == count


def test_new_and_changed_products_cost_only_themselves(shop, computed):
    rows = products(N + 6)
    rows[1]["image"] = rows[4]["image"] = rows[5]["image"] = ""
    rows[6]["title"] = "another lamp"
    rows[7] |= {"image": rows[8]["image"]}  # the image of another product
    write_shop(shop, list(reversed(rows)))
    shop.run("01_prepare.py")
    train(shop)
    assert sorted(computed) == [6, 6, 7]


def test_replaced_weights_have_new_features(shop, computed):
    path = next(shop.folder.glob("weights/pretrained/*tiny-bert/config.json"))
    path.write_text(path.read_text().replace("0.1", "0.2"))
    train(shop)
    assert sum(computed) == N


def test_a_damaged_chunk_is_computed_again(shop, trained, computed, caplog):
    for path in shop.folder.glob("weights/features/*/*.npz"):
        path.write_bytes(path.read_bytes()[:-30])
    shop.run("02_train_text.py", "--redo", "text")
    assert sum(computed) == N
    assert "its features are computed again" in caplog.text
    assert read_probs(shop, "text", "test").equals(read_probs(trained, "text", "test"))


@pytest.mark.parametrize(("script", "n_features"), [("02_train_text.py", N), ("04_train_image.py", 2 * (N - 3))])
def test_an_interrupted_run_computes_only_the_rest_and_ends_with_the_same_bits(
    prepared, tmp_path, monkeypatch, computed, script, n_features
):
    monkeypatch.setattr(features, "SMALLEST_CHUNK", 16)
    whole, cut = (prepared.copy(tmp_path / name) for name in ("whole", "cut"))
    whole.run(script)
    assert sum(computed) == n_features
    computed.clear()
    with monkeypatch.context() as patch:
        patch.setattr(features, "_features_of", interrupted(features._features_of, computed))
        with pytest.raises(SystemExit):
            cut.run(script)
    assert len(computed) == 2
    assert n_stored(cut) == sum(computed)
    cut.run(script)
    assert n_stored(cut) == sum(computed) == n_features
    for path in whole.run_root.glob("experts/*/*_probs.parquet"):
        assert pd.read_parquet(cut.folder / path.relative_to(whole.folder)).equals(pd.read_parquet(path))


def interrupted(function: Callable, computed: list[int]) -> Callable:
    """Return the function, interrupted when two chunks are computed."""

    def call(*arguments):
        if len(computed) == 2:
            raise KeyboardInterrupt
        return function(*arguments)

    return call


def test_what_another_run_computes_meanwhile_is_not_computed_again(prepared, tmp_path, monkeypatch, computed):
    monkeypatch.setattr(features, "SMALLEST_CHUNK", 16)
    ours, theirs = (prepared.copy(tmp_path / name) for name in ("ours", "theirs"))
    theirs.run("02_train_text.py")
    chunks = sorted(theirs.folder.glob("weights/features/*/*.npz"))
    computed.clear()
    function = features._features_of

    def compute(*arguments):
        result = function(*arguments)
        if len(computed) == 1:  # meanwhile the other has written all but one of the chunks
            for chunk in chunks[1:]:
                copy = ours.folder / chunk.relative_to(theirs.folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(chunk, copy)
        return result

    monkeypatch.setattr(features, "_features_of", compute)
    ours.run("02_train_text.py")
    assert len(computed) <= 2
    for split in ("valid", "test"):
        assert read_probs(ours, "text", split).equals(read_probs(theirs, "text", split))


def test_two_processes_compute_each_feature_once(trained, prepared, tmp_path, server):
    two = prepared.copy(tmp_path / "two")
    fork_two(server, two, "04_train_image.py")
    assert n_stored(two) == 2 * (N - 3)
    for split in ("valid", "test"):
        np.testing.assert_allclose(read_probs(two, "image", split), read_probs(trained, "image", split), atol=1e-4)


def test_features_that_are_not_finite_are_refused_and_not_stored(prepared, tmp_path, monkeypatch, capsys):
    broken = prepared.copy(tmp_path / "broken")
    original = features.map_dataset
    monkeypatch.setattr(features, "map_dataset", lambda *arguments, **named: original(*arguments, **named) * np.nan)
    with pytest.raises(SystemExit):
        broken.run("02_train_text.py")
    message = r"features of text: the features of (\d+) of \1 inputs are not finite: the network overflows in fp32; use"
    assert re.search(message, capsys.readouterr().err)
    assert n_stored(broken) == 0


# --- what a probe learns from ----------------------------------------------------------------------------------------


def test_in_folds_features_are_computed_once(prepared, tmp_path, computed):
    crossed = prepared.copy(tmp_path / "crossed")
    config = probe_config() | {"split": {"n_folds": 3, "test_fraction": 0.2}}
    config["catalogue"]["columns"]["split"] = None
    crossed.write_config(config)
    crossed.run("01_prepare.py")
    train(crossed)
    assert sum(computed) == N + 2 * (N - 3)
    held_out = crossed.read_products()["fold"].notna()
    for expert in ("text", "image"):
        assert sorted(read_probs(crossed, expert, "oof").index) == sorted(held_out.index[held_out])
        assert len(list(crossed.run_root.glob(f"folds/?/experts/{expert}/model.safetensors"))) == 3
        assert (crossed.run_root / f"folds/none/experts/{expert}/model.safetensors").is_file()


def test_labels_of_held_out_products_have_no_influence(shop, trained):
    rows = products(N)
    rows[1]["image"] = rows[4]["image"] = rows[5]["image"] = ""
    for row in rows:
        if row["split"] != "train":
            row["label"] = list(TITLES)[(list(TITLES).index(row["label"]) + 1) % 3]
    write_shop(shop, rows)
    shop.run("01_prepare.py")
    train(shop)
    for expert in ("text", "image"):
        assert read_json(shop.run_root / f"experts/{expert}/metrics.json")["valid_accuracy"] < 0.4
        for split in ("valid", "test"):
            assert read_probs(shop, expert, split).equals(read_probs(trained, expert, split))


def test_a_class_without_images_in_train_gets_probabilities(shop):
    rows = products(N)
    for row in rows:
        if row["label"] == "mug" and row["split"] == "train":
            row["image"] = ""
    write_shop(shop, rows)
    shop.run("01_prepare.py")
    shop.run("04_train_image.py")
    probs = read_probs(shop, "image", "test")
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
    assert (probs["mug"] == probs.min(axis=1)).all()


def test_label_issues_are_left_out_of_training_if_the_config_says_so(shop, monkeypatch):
    """What denoising found is made up here: it removed two products with an image."""
    fitted = []
    monkeypatch.setattr("latefusion.tables.label_issues.removed_issues", lambda _: pd.Index(["p6", "p7"]))
    monkeypatch.setattr(
        "latefusion.experts.probe.image.fit_probe", lambda *arguments: fitted.append(list(arguments[-1].index))
    )
    config = probe_config()
    for train_on in ("all", "clean"):
        config["experts"]["image"] = config["experts"]["image"] | {"train_on": train_on}
        shop.write_config(config | {"denoise": {"network": {"kind": "cnn", "model": CNN}}})
        context = Context(shop.experiment())
        EXPERTS["image_probe"].require("train")(context, "image", context.experiment.experts["image"])
    every, clean = fitted
    assert set(every) - set(clean) == {"p6", "p7"}
    assert len(clean) == len(every) - 2
    assert "p1" not in every  # it has no image


@pytest.mark.parametrize(
    ("n_images", "message"),
    [
        (1, "experts.image: 1 train products with an image for 2 folds: lower n_folds"),
        (4, "experts.image: all training products with an image have the label lamp: remove the expert"),
    ],
)
def test_too_few_images_to_learn_from_are_refused_in_words(shop, capsys, n_images, message):
    rows = products(N)
    for row in [row for row in rows if row["split"] == "train"][n_images:]:
        row["image"] = ""
    write_shop(shop, rows)
    with pytest.raises(SystemExit):
        run_both(shop, "01_prepare.py", "04_train_image.py")
    assert message in capsys.readouterr().err

"""The text CNN as an expert: trained by the script on given word vectors, as a late checkpoint, joined, exported."""

import numpy as np
import pandas as pd
import pytest
from helpers.configs import TINY_CNN, TINY_END_TO_END, TINY_FROZEN
from helpers.workspace import Workspace
from safetensors.torch import load_file

from latefusion.dataset.cleaning import clean
from latefusion.experts.context import Context
from latefusion.experts.exported import Opening, export_expert, open_expert
from latefusion.experts.joint.features import open_features
from latefusion.experts.kinds import build_network
from latefusion.experts.text.text_cnn import VOCABULARY
from latefusion.utils.files import read_json

SIZE = 12
TITLES = {
    "kind": "text_cnn",
    "reads": "title",
    "max_words": 40,
    "embedding_size": SIZE,
    "word_vectors": "shop.vec",
    "filters": 16,
    "hidden_size": 10,
    "train": {"epochs": 3, "batch_size": 32, "lr": 0.01, "keep_last": 1},
}
EXPERTS = {
    "titles": TITLES,
    "titles_late": {"kind": "late", "of": "titles"},
    "cnn_raw": TINY_CNN | {"train": {"epochs": 1, "batch_size": 32}},
    "frozen": TINY_FROZEN | {"text": "titles", "image": "cnn_raw"},
    "end_to_end": TINY_END_TO_END | {"text": "titles"},
}


def tiny(experts: dict) -> dict:
    return {
        "sample": {"products": 300, "image_size": 64},
        "catalogue": {"format": "sigir", "root": "data/sample", "test_labels": "hidden/y_test.csv"},
        "split": {"valid_fraction": 0.25},
        "experts": experts,
        "policies": {"all": {"kind": "mean", "experts": list(experts)}},
        "vote": {"members": ["all"]},
        "hardware": {"num_workers": 0, "mixed_precision": "no"},
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Workspace:
    """The experiment with all its experts trained; the word vectors cover the words of every second letter."""
    workspace = Workspace(tmp_path_factory.mktemp("words"))
    workspace.write_config(tiny(EXPERTS))
    workspace.run("00_draw_sample.py")
    workspace.run("01_prepare.py")
    titles = workspace.read_products()["title"].str.lower().str.findall(r"\w+")
    words = sorted(word for word in set(titles.explode()) if ord(word[0]) % 2)
    rng = np.random.default_rng(0)
    lines = [" ".join([word, *map(str, rng.normal(size=SIZE).round(3))]) for word in words]
    vectors = workspace.folder / "weights/pretrained/shop.vec"
    vectors.parent.mkdir(parents=True)
    vectors.write_text("\n".join([f"{len(words)} {SIZE}", *lines]) + "\n")
    for script in ("02_train_text.py", "04_train_image.py", "06_train_joint.py"):
        workspace.run(script)
    return workspace


@pytest.fixture
def context(trained, monkeypatch) -> Context:
    monkeypatch.chdir(trained.folder)
    return Context(trained.experiment())


def test_the_vocabulary_is_that_of_the_training_products_and_its_coverage_is_a_score(context):
    run_dir = context.experiment.expert_dir("titles")
    table = pd.read_csv(run_dir / VOCABULARY, sep="\t", keep_default_na=False)[2:]
    train, held_out = (
        context.dataset.select(*splits)["title"].map(clean).str.lower().str.findall(r"[^\W_]+").explode()
        for splits in (["train"], ["valid", "test"])
    )
    assert set(table["word"]) == set(train)
    assert table["count"].sum() == len(train)
    assert set(held_out) - set(train)  # there are words that it does not know
    starts_odd = table["word"].map(lambda word: ord(word[0]) % 2 == 1)
    assert table["covered"].tolist() == starts_odd.tolist()
    metrics = read_json(run_dir / "metrics.json")
    assert metrics["vocabulary"] == len(table)
    assert metrics["vocabulary_covered"] == pytest.approx(starts_odd.mean())
    assert metrics["words_covered"] == pytest.approx(table["count"][starts_odd].sum() / table["count"].sum())
    assert {"valid_macro_f1", "best_epoch"} <= metrics.keys()
    assert read_json(context.experiment.expert_dir("end_to_end") / "metrics.json")["vocabulary"] == len(table)


def test_it_learns_and_its_late_checkpoint_is_its_last_epoch(context):
    metrics = {name: read_json(context.experiment.expert_dir(name) / "metrics.json") for name in EXPERTS}
    n_classes = len(context.dataset.classes)
    assert metrics["titles"]["valid_accuracy"] > 2 / n_classes
    late, last = (
        load_file(context.experiment.run_root / "experts" / name)
        for name in ("titles_late/model.safetensors", "titles/late-0.safetensors")
    )
    assert all((late[key] == last[key]).all() for key in last)
    assert not late["encoder.embedding.weight"][0].any()  # padding


def test_every_expert_with_a_text_cnn_predicts_the_same_when_exported(context, tmp_path):
    test = context.dataset.evaluation_splits["test"]
    for name in ("titles", "titles_late", "frozen", "end_to_end"):
        export_expert(context, name, tmp_path / name)
        opening = Opening(
            folder=tmp_path / name, experts=context.experiment.experts, num_classes=len(context.dataset.classes),
            accelerator=context.accelerator, hardware=context.experiment.hardware,
        )  # fmt: skip
        predict = open_expert(opening, name)
        kept = pd.read_parquet(context.experiment.expert_dir(name) / "test_probs.parquet")
        np.testing.assert_allclose(predict(test, context.images), kept, atol=1e-6, err_msg=name)
        empty = predict(test[:3].assign(title="", description=None), context.images)
        if name in ("titles", "titles_late"):
            shares = read_json(context.experiment.expert_dir(name) / "without_text.json")
            np.testing.assert_allclose(empty, [shares] * 3, rtol=1e-6)
        assert np.allclose(empty.sum(axis=1), 1)


def test_its_last_hidden_layer_can_be_read_for_all_products(context):
    store, products = open_features(context, "titles"), context.dataset.products
    assert store.size == 10
    features = np.stack([store.read(row) for row in store.rows(products)])
    assert features.shape == (len(products), 10)
    weights = load_file(context.experiment.expert_dir("titles") / "model.safetensors")
    logits = features @ weights["head.weight"].numpy().T + weights["head.bias"].numpy()
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    test = pd.read_parquet(context.experiment.expert_dir("titles") / "test_probs.parquet")
    np.testing.assert_allclose(probs[products.index.get_indexer(test.index)], test, atol=1e-5)


def test_frozen_vectors_stay_and_trained_ones_move(context, monkeypatch):
    before = build_network(context, context.experiment.experts["titles"], context.experiment.expert_dir("titles"))
    after = load_file(context.experiment.expert_dir("titles") / "model.safetensors")["encoder.embedding.weight"]
    assert not np.allclose(before.model.encoder.embedding.weight.detach(), after)
    frozen = context.experiment.experts["titles"].model_copy(update={"train_vectors": False})
    network = build_network(context, frozen, context.experiment.expert_dir("titles"))
    trained = {id(parameter) for group in network.param_groups for parameter in group["params"]}
    names = {name for name, parameter in network.model.named_parameters() if id(parameter) not in trained}
    assert names == {"encoder.embedding.weight"}


def test_other_word_vectors_make_another_job_and_missing_or_unfit_ones_are_refused(
    trained, tmp_path, monkeypatch, capsys
):
    copy = trained.copy(tmp_path / "copy")
    monkeypatch.chdir(copy.folder)
    states = {name: job.state() for name, job in copy.jobs().items()}
    assert {states[f"experts/{name}"] for name in EXPERTS} == {"done"}
    file = copy.folder / "weights/pretrained/shop.vec"
    changed = file.read_text().splitlines()
    changed[1] = " ".join([changed[1].split()[0], *["0.5"] * SIZE])
    file.write_text("\n".join(changed) + "\n")
    jobs = copy.jobs()
    assert jobs["experts/titles"].status() == ("to do", "the pretrained weights of shop.vec have changed")
    assert jobs["experts/end_to_end"].state() == jobs["experts/frozen"].state() == "to do"
    assert jobs["experts/cnn_raw"].state() == "done"
    with pytest.raises(SystemExit):
        copy.run("02_train_text.py", "--set", "experts.titles.embedding_size=100")
    assert f"its vectors have {SIZE} numbers, but embedding_size is 100: set it to {SIZE}" in capsys.readouterr().err
    copy.run("02_train_text.py", "--list")
    assert "weights/pretrained/shop.vec" in capsys.readouterr().out
    file.unlink()
    with pytest.raises(SystemExit):
        copy.run("02_train_text.py", "--redo", "titles")
    err = capsys.readouterr().err
    assert "experts.titles: no word vectors 'shop.vec'. Looked for the file" in err
    assert "weights/pretrained/shop.vec" in err

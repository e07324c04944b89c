"""Products with several images in every kind of expert: what the mean is, and that exported models agree."""

import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
from helpers.configs import TINY_CNN, TINY_DCL, TINY_TRANSFORMER
from helpers.frozen import CNN, save_tiny_cnn
from helpers.probes import IMAGE
from helpers.tables import write_table
from helpers.workspace import Workspace

from latefusion.experts.context import Context
from latefusion.experts.exported import Opening, export_expert, open_expert
from latefusion.experts.kinds import EXPERTS as EXPERT_KINDS
from latefusion.images.several import MORE, count_images, only_first
from latefusion.images.store import ImageStore
from latefusion.predictor import Predictor
from latefusion.tables.dataset import read_dataset
from latefusion.tables.probabilities import read_split_probs

TRAIN = {"epochs": 1, "batch_size": 16, "lr": 0.01}
JOINT = {"kind": "joint", "text": "text", "image": "cnn", "hidden_size": 8, "train": TRAIN}
EXPERTS = {
    "tfidf": {"kind": "tfidf", "min_df": 1, "n_folds": 2, "regularisation": [1.0]},
    "text": TINY_TRANSFORMER | {"max_length": 16, "train": TRAIN},
    "probe": IMAGE,
    "cnn": TINY_CNN | {"train": TRAIN | {"keep_last": 2}},
    "dcl": TINY_DCL | {"start_from": "cnn", "train_on": "all", "train": TRAIN},
    "frozen": JOINT | {"features": "frozen"},
    "end_to_end": JOINT | {"features": "end_to_end", "head_lr_factor": 1},
}
MEAN_KINDS = ("probe", "cnn", "dcl")
WORDS = ("bright lamp", "leather shoe", "coffee mug")


def photo(folder, name: str, number: int) -> str:
    pixels = np.random.default_rng(number).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    pixels[..., number % 3] //= 2
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / name), pixels)
    return name


def config(images_per_product: str) -> dict:
    return {
        "catalogue": {
            "format": "table",
            "root": "shop",
            "columns": {"description": None, "image": "photos"},
            "image_separator": "|",
            "images_per_product": images_per_product,
        },
        "split": {"valid_fraction": 0.3, "test_fraction": 0.3},
        "experts": EXPERTS,
        "policies": {"mean": {"kind": "mean", "experts": ["tfidf", "probe", "cnn"], "n_folds": 2}},
        "vote": {"members": ["mean"]},
        "submit": "vote",
        "hardware": {"num_workers": 0, "mixed_precision": "no"},
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Workspace:
    """60 products with one to three photos, some of which are bad; trained with `mean`. Do not change it."""
    workspace = Workspace(tmp_path_factory.mktemp("several"))
    folder, rows = workspace.folder / "shop", []
    for number in range(60):
        names = [photo(folder, f"{number}-{view}.png", 3 * number + view) for view in range(1 + number % 3)]
        if number % 10 == 5:
            names.insert(0, "broken.png")
        rows.append({"id": f"p{number}", "title": f"{WORDS[number % 3]} {number}", "label": WORDS[number % 3][-4:]})
        rows[-1]["photos"] = "|".join(names)
    (folder / "broken.png").write_bytes(b"half")
    write_table(workspace, "products.csv", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workspace.folder)
        save_tiny_cnn()
    assert IMAGE["model"] == CNN
    workspace.write_config(config("mean"))
    for script in ("01_prepare", "02_train_text", "04_train_image", "05_train_dcl", "06_train_joint"):
        workspace.run(f"{script}.py")
    for script in ("07_fuse", "08_vote", "12_export_model"):
        workspace.run(f"{script}.py")
    return workspace


@pytest.fixture
def context(shop, monkeypatch) -> Context:
    monkeypatch.chdir(shop.folder)
    return Context(shop.experiment())


def opened(context: Context, name: str, folder):
    experiment = context.experiment
    export_expert(context, name, folder / name)
    n_classes = len(context.dataset.classes)
    opening = Opening(folder / name, experiment.experts, n_classes, context.accelerator, experiment.hardware)
    return open_expert(opening, name)


def test_every_kind_predicts_several_images_alike_in_its_experiment_and_exported(context, tmp_path):
    """Image experts predict the mean of what they predict from each image alone, joint experts from the first."""
    dataset = context.dataset
    test = dataset.evaluation_splits["test"]
    counts = count_images(test)
    assert set(counts) == {1, 2, 3}
    root = context.experiment.catalogue.root
    alone = pd.DataFrame(
        {
            "title": np.repeat(test["title"], counts).to_numpy(),
            "description": None,
            "image": [path for first, more in zip(test["image"], test[MORE], strict=True)
                      for path in [first, *([] if pd.isna(more) else more.split("\n"))]],
        },
        index=[f"{id_}/{number}" for id_, count in zip(test.index, counts, strict=True) for number in range(count)],
    )  # fmt: skip
    starts = np.cumsum(counts) - counts
    for name in EXPERTS:
        predict = opened(context, name, tmp_path)
        probs = predict(test, context.images)
        kept = read_split_probs(context.experiment.expert_dir(name), "test", dataset)
        np.testing.assert_allclose(probs, kept, atol=1e-6, err_msg=name)
        of_each = predict(alone, ImageStore(alone, root))
        mean = np.add.reduceat(of_each, starts) / counts[:, None]
        expected = mean if name in MEAN_KINDS else of_each[starts]
        np.testing.assert_allclose(probs, expected, atol=1e-6, err_msg=name)
        first = predict(only_first(test), ImageStore(only_first(test), root))
        np.testing.assert_allclose(first, of_each[starts], atol=1e-6, err_msg=name)
        differs = np.abs(probs - first).max(axis=1) > 1e-6
        assert not differs[counts == 1].any(), name
        assert differs.any() == (name in MEAN_KINDS), name


def test_valid_probabilities_are_means_too(context, tmp_path):
    valid = context.dataset.evaluation_splits["valid"]
    for name in ("probe", "cnn"):
        kept = read_split_probs(context.experiment.expert_dir(name), "valid", context.dataset)
        np.testing.assert_allclose(opened(context, name, tmp_path)(valid, context.images), kept, atol=1e-6)


def test_probes_are_trained_on_all_images_and_those_of_a_product_are_in_one_fold(context, monkeypatch):
    fitted = []

    def record(features, targets, groups, **keywords):
        fitted.append((features, targets, groups))
        raise InterruptedError

    monkeypatch.setattr("latefusion.experts.probe.training.fit_classifier", record)
    with pytest.raises(InterruptedError):
        EXPERT_KINDS["image_probe"].require("train")(context, "probe", context.experiment.experts["probe"])
    [(features, targets, groups)] = fitted
    train = context.dataset.select("train")
    counts = count_images(train)
    assert len(features) == len(np.unique(features, axis=0)) == counts.sum()
    assert targets.tolist() == np.repeat(context.dataset.targets(train), counts).tolist()
    assert np.bincount(groups).tolist() == counts.tolist()


def test_bad_images_are_reported_and_their_products_keep_the_others(shop):
    issues = pd.read_csv(shop.run_root / "catalogue/image_issues.csv", index_col="id")
    assert list(issues.index) == [f"p{number}" for number in range(5, 60, 10)]
    assert set(issues["reason"]) == {"not an image"}
    products = shop.read_products()
    assert products["image"].notna().all()
    assert products.loc["p5", "image"] == "5-0.png"
    assert products.loc["p5", MORE] == "5-1.png\n5-2.png"


def test_new_products_are_predicted_as_those_of_the_experiment(shop, monkeypatch, tmp_path):
    monkeypatch.chdir(shop.folder)
    dataset = read_dataset(shop.experiment())
    kept = read_split_probs(shop.run_root / "submission", "test", dataset)
    test = dataset.evaluation_splits["test"].index
    predictor = Predictor.load("models/tiny")
    table = pd.read_csv("shop/products.csv", index_col="id").loc[test].drop(columns="label")
    lists = table.assign(photos=table["photos"].str.split("|"))
    table.to_csv(tmp_path / "new.csv")
    lists.reset_index().to_parquet(tmp_path / "new.parquet")
    frames = [one.rename(columns={"photos": "image"}) for one in (table, lists)]
    for products in (*frames, tmp_path / "new.csv", tmp_path / "new.parquet"):
        np.testing.assert_allclose(predictor.predict_proba(products, "shop"), kept, atol=1e-6)
    problems = predictor.predict(frames[0], "shop")["problem"]
    for id_, problem in problems.items():
        assert problem == ("broken.png: not an image" if int(id_[1:]) % 10 == 5 else ""), id_
    shop.run_script("13_predict_new.py", "--model", "models/tiny", "--products", str(tmp_path / "new.csv"),
                    "--images", "shop", "--out", str(tmp_path / "out.csv"))  # fmt: skip
    confidence = pd.read_csv(tmp_path / "out.csv", index_col="id")["confidence"]
    np.testing.assert_allclose(confidence, kept[range(len(kept)), kept.argmax(axis=1)], atol=1e-5)


def test_with_first_further_images_change_nothing(shop, tmp_path):
    """The probe is trained and predicts as if the table named the first usable image alone."""
    probs = []
    for name in ("several", "one"):
        workspace = Workspace(tmp_path / name)
        shutil.copytree(shop.folder / "shop", workspace.folder / "shop")
        shutil.copytree(shop.folder / "weights/pretrained", workspace.folder / "weights/pretrained")
        settings = config("first") | {"experts": {"tfidf": EXPERTS["tfidf"], "probe": EXPERTS["probe"]}}
        settings["policies"] = {"mean": {"kind": "mean", "experts": ["tfidf", "probe"], "n_folds": 2}}
        workspace.write_config(settings)
        if name == "one":
            table = pd.read_csv(workspace.folder / "shop/products.csv")
            table["photos"] = table["photos"].str.removeprefix("broken.png|").str.partition("|")[0]
            table.to_csv(workspace.folder / "shop/products.csv", index=False)
        workspace.run("01_prepare.py")
        workspace.run("04_train_image.py")
        assert MORE not in workspace.read_products()
        probs.append(pd.read_parquet(workspace.run_root / "experts/probe/test_probs.parquet"))
    pd.testing.assert_frame_equal(*probs)


def test_a_further_image_that_changes_is_noticed(shop, tmp_path, capsys):
    copy = shop.copy(tmp_path / "copy")
    photo(copy.folder / "shop", "2-1.png", 99)
    copy.run("04_train_image.py", "--list")
    assert "1 image has changed, the first is 2-1.png" in capsys.readouterr().out
    before = (copy.run_root / "catalogue/contents.json").read_text()
    copy.run("01_prepare.py")
    assert (copy.run_root / "catalogue/contents.json").read_text() != before

"""A wrong image folder is refused in preparation, whatever becomes of single bad images."""

import shutil

import numpy as np
import pandas as pd
import pytest
from helpers.configs import TINY_CNN
from PIL import Image


def make_shop(folder, *, train: bool, submit: bool) -> None:
    """60 labelled products and 6 to predict, each with an image of its own, of which those asked for are there."""
    rows = []
    for number in range(66):
        is_labelled, name = number < 60, f"{'train' if number < 60 else 'later'}/{number}.jpg"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if train if is_labelled else submit:
            noise = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(noise).resize((40, 40)).save(folder / name)
        rows.append({"id": number, "title": f"thing {number}", "label": "ab"[number % 2], "image": name})
    pd.DataFrame(rows[:60]).to_csv(folder / "products.csv", index=False)
    pd.DataFrame(rows[60:]).to_csv(folder / "later.csv", index=False)


def config(bad_images: str, image: str | None = "image", with_cnn: bool = True) -> dict:
    experts = {"tfidf": {"kind": "tfidf", "min_df": 1}} | ({"cnn": TINY_CNN} if with_cnn else {})
    columns = {"description": None, "image": image}
    return {
        "catalogue": {
            "format": "table",
            "root": "shop",
            "test_products": "later.csv",
            "columns": columns,
            "bad_images": bad_images,
        },
        "split": {"valid_fraction": 0.3},
        "experts": experts,
        "policies": {"only": {"experts": list(experts), "n_folds": 3}},
    }


@pytest.mark.parametrize("bad_images", ["error", "keep", "drop"])
@pytest.mark.parametrize(("train", "submit"), [(True, False), (False, True), (False, False)])
def test_a_split_without_one_image_is_refused(workspace, capsys, bad_images, train, submit):
    make_shop(workspace.folder / "shop", train=train, submit=submit)
    workspace.write_config(config(bad_images))
    with pytest.raises(SystemExit) as ended:
        workspace.run("01_prepare.py")
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert "None of the images of these products exists:" in told
    line = "submit: 6 products name an image, the first is later/60.jpg; shop/later holds nothing"
    assert (line in told) != submit
    line = "labelled: 60 products name an image, the first is train/0.jpg; shop/train holds nothing"
    assert (line in told) != train
    assert "catalogue.root (shop)" in told
    assert "catalogue.columns.image to null" in told


def test_single_missing_images_are_left_to_the_policy(workspace):
    make_shop(workspace.folder / "shop", train=True, submit=True)
    for number in (3, 4, 60, 61, 62, 63, 64):
        next((workspace.folder / "shop").glob(f"*/{number}.jpg")).unlink()
    workspace.write_config(config("keep", with_cnn=False))
    workspace.run("01_prepare.py")
    products = pd.read_parquet(workspace.run_root / "catalogue/products.parquet")
    assert products["image"].isna().sum() == 7
    files = pd.read_parquet(workspace.run_root / "catalogue/images.parquet")
    assert len(files) == 66
    assert (files["bytes"] == -1).sum() == 7


def test_networks_that_read_images_are_refused_where_no_product_names_one(workspace, capsys):
    make_shop(workspace.folder / "shop", train=True, submit=True)
    workspace.write_config(config("error", image=None))
    with pytest.raises(SystemExit):
        workspace.run("01_prepare.py")
    assert "experts.cnn: no train product has an image: set catalogue.columns.image" in capsys.readouterr().err


def test_texts_of_the_challenge_can_be_learnt_without_its_images(workspace, capsys):
    config = {
        "sample": {"products": 300, "image_size": 64},
        "catalogue": {"format": "sigir", "root": "data/sample", "bad_images": "keep"},
        "experts": {"tfidf": {"kind": "tfidf"}},
        "policies": {"only": {"experts": ["tfidf"]}},
    }
    workspace.write_config(config)
    workspace.run("00_draw_sample.py")
    shutil.rmtree(workspace.folder / "data/sample/image_training")
    workspace.run("01_prepare.py")
    workspace.write_config(config | {"experts": config["experts"] | {"cnn": TINY_CNN}})
    shutil.rmtree(workspace.run_root)
    with pytest.raises(SystemExit):
        workspace.run("01_prepare.py")
    assert "the folder data/sample/image_training does not exist" in capsys.readouterr().err

"""Image files: found where they lie, known again when they change, and refused early where all are missing."""

import os
import shutil
import socket
import threading
import time

import numpy as np
import pandas as pd
import pytest
from conftest import TINY_CNN
from PIL import Image

from latefusion.catalogue import find_images
from latefusion.config import CatalogueConfig
from latefusion.images import faults
from latefusion.images.files import changed_images
from latefusion.images.inspection import check_images, inspect_images
from latefusion.utils.budget import Budget


@pytest.fixture
def folder(tmp_path):
    """Three images in two folders."""
    for number, name in enumerate(("one/a.png", "one/b.png", "two/c.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / name)
    return tmp_path


NAMED = pd.Series(["one/a.png", "one/b.png", "two/c.png", "two/not_yet.png", None, "one/a.png", "one"], dtype="str")


# ---- what is recorded, and what has changed since


def recorded(folder) -> pd.DataFrame:
    return inspect_images(folder, NAMED).files


def test_every_named_file_is_recorded_with_its_state(folder):
    (folder / "one/b.png").write_bytes(b"")
    files = recorded(folder)
    assert files.index.to_list() == ["one/a.png", "one/b.png", "two/c.png", "two/not_yet.png", "one"]
    assert files.columns.to_list() == ["bytes", "mtime_ns", "blake2b"]
    for path in files.index[:3]:
        assert files.loc[path, "bytes"] == (folder / path).stat().st_size
        assert files.loc[path, "mtime_ns"] == (folder / path).stat().st_mtime_ns
        assert len(files.loc[path, "blake2b"]) == 32
    for path in files.index[3:]:  # not there, and a folder
        assert files.loc[path].to_list() == [-1, -1, ""]
    assert changed_images(folder, NAMED, files) == []


CHANGES = {
    "removed": (lambda folder: (folder / "one/b.png").unlink(), ["one/b.png"]),
    "added": (lambda folder: shutil.copy(folder / "one/a.png", folder / "two/not_yet.png"), ["two/not_yet.png"]),
    "longer": (lambda folder: (folder / "one/a.png").write_bytes(bytes(500)), ["one/a.png"]),
    "another of the same size": (lambda folder: flip(folder / "one/a.png"), ["one/a.png"]),
    "touched": (lambda folder: os.utime(folder / "one/a.png", (1, 1)), []),
    "a folder emptied": (lambda folder: shutil.rmtree(folder / "one"), ["one/a.png", "one/b.png"]),
    "an unnamed one": (lambda folder: (folder / "one/z.png").touch(), []),
}


def flip(path):
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    os.utime(path, (1, 1))


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_found(folder, change):
    files = recorded(folder)
    act, expected = CHANGES[change]
    act(folder)
    assert changed_images(folder, NAMED, files) == expected


def test_a_file_of_the_same_size_and_time_is_not_read(folder, monkeypatch):
    files = recorded(folder)
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda path: pytest.fail(f"{path} is read"))
    assert changed_images(folder, NAMED, files) == []


def test_the_record_survives_parquet_and_a_catalogue_without_images(folder, tmp_path):
    recorded(folder).to_parquet(tmp_path / "images.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "images.parquet"), recorded(folder))
    nothing = inspect_images(folder, pd.Series([None, None], dtype="str")).files
    assert nothing.empty
    assert changed_images(folder, pd.Series([None], dtype="str"), nothing) == []


def test_a_path_that_was_not_named_before_is_a_change(folder):
    files = recorded(folder).drop("two/c.png")
    assert changed_images(folder, NAMED, files) == ["two/c.png"]


# ---- files that cannot be images


def test_nothing_but_regular_files_is_opened(folder, monkeypatch):
    monkeypatch.chdir(folder)  # a socket's path must be short
    os.mkfifo(folder / "pipe.png")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.png")
        (folder / "device.png").symlink_to("/dev/zero")
        names = ["pipe.png", "socket.png", "device.png", "one"]
        found = check_images(folder, pd.Series(names))
    assert found["reason"].to_list() == ["not a regular file"] * 4


def test_a_name_that_no_file_can_have_is_named(folder):
    found = check_images(folder, pd.Series(["a\0b.png", "x" * 5000, "one/a.png/b.png"]))
    assert found["reason"].to_list() == ["unreadable: embedded null byte", "unreadable: File name too long", "missing"]


def test_a_file_too_large_to_read_is_not_read(folder):
    with (folder / "sparse.png").open("wb") as file:
        file.truncate(10**12)
    found = inspect_images(folder, pd.Series({"p": "sparse.png"}))
    assert found.bad["reason"].to_list() == ["too large: 1,000,000,000,000 bytes"]
    assert found.files.loc["sparse.png", "bytes"] == 10**12
    assert changed_images(folder, pd.Series(["sparse.png"]), found.files) == []


# ---- memory


def test_threads_hold_no_more_than_the_budget_and_none_is_starved():
    budget, held, most, order = Budget(10), [0], [0], []
    lock, started = threading.Lock(), threading.Event()

    def hold(units: int, number: int) -> None:
        started.wait()
        with budget.taken(units):
            with lock:
                held[0] += min(units, 10)
                most[0] = max(most[0], held[0])
                order.append(number)
            time.sleep(0.002)
            with lock:
                held[0] -= min(units, 10)

    sizes = [3, 3, 4, 25, 10, *[1] * 20]
    threads = [threading.Thread(target=hold, args=(units, number)) for number, units in enumerate(sizes)]
    for thread in threads:
        thread.start()
    started.set()
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(order) == list(range(25))
    assert most[0] <= 10


def test_the_pixels_decoded_at_once_do_not_grow_with_the_threads(tmp_path, monkeypatch):
    for number in range(20):
        Image.new("L", (100, 10), number * 5).save(tmp_path / f"{number}.png")
    held, most, lock, real = [0], [0], threading.Lock(), faults.read_grey

    def slow_grey(encoded):
        with lock:
            held[0] += 1000
            most[0] = max(most[0], held[0])
        time.sleep(0.005)
        with lock:
            held[0] -= 1000
        return real(encoded)

    monkeypatch.setattr(faults, "MAX_PIXELS", 2500)
    monkeypatch.setattr(faults, "read_grey", slow_grey)
    assert check_images(tmp_path, pd.Series([f"{number}.png" for number in range(20)])).empty
    assert most[0] == 2000


# ---- folders within folders


@pytest.fixture
def challenge(tmp_path):
    """Images at the top, in a nested folder, in the phases' folders, two folders down, and nowhere."""
    for path in ("image_training/0.jpg", "image_training/image_training/1.jpg", "image_training/a/b/2.jpg"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    for path in ("image_test_task1_phase1/3.jpg", "image_test_task1_phase2/4.jpg", "image_test_task1_phase2/3.jpg"):
        (tmp_path / "image_test" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "image_test" / path).touch()
    return tmp_path


def test_images_of_the_challenge_are_found_one_folder_down(challenge):
    train, test = "image_training", "image_test"
    named = pd.Series([f"{train}/0.jpg", f"{train}/1.jpg", f"{train}/2.jpg", f"{test}/3.jpg", f"{test}/4.jpg", None])
    found = find_images(CatalogueConfig(format="sigir", root=challenge), named.astype("str"))
    assert found.fillna("none").to_list() == [
        "image_training/0.jpg",
        "image_training/image_training/1.jpg",
        "image_training/2.jpg",  # two folders down: missing, by its proper name
        "image_test/image_test_task1_phase1/3.jpg",
        "image_test/image_test_task1_phase2/4.jpg",
        "none",
    ]
    assert found.dtype == "str"
    own_table = CatalogueConfig(format="table", root=challenge)
    assert find_images(own_table, named.astype("str")).equals(named.astype("str"))


def test_an_image_added_one_folder_down_is_a_change(challenge):
    catalogue = CatalogueConfig(format="sigir", root=challenge)
    named = find_images(catalogue, pd.Series(["image_test/3.jpg", "image_test/5.jpg"]))
    files = inspect_images(challenge, named).files
    (challenge / "image_test/image_test_task1_phase2/5.jpg").touch()
    again = find_images(catalogue, files.index.to_series())
    assert changed_images(challenge, again, files) == ["image_test/image_test_task1_phase2/5.jpg"]


# ---- a wrong folder is refused in preparation, whatever becomes of single bad images


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

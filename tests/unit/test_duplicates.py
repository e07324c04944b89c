"""Near-duplicates are found, whatever their file is like, and the report counts them as one would by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers.images import photograph, turned_right
from PIL import Image

from latefusion.config import CnnExpert, Denoise, Split
from latefusion.dataset import duplicates
from latefusion.dataset.duplicate_report import describe_near_duplicates, report_duplicates
from latefusion.dataset.duplicates import Duplicates, find_duplicates, join, near_pairs, title_key
from latefusion.denoise import fold_networks
from latefusion.images.inspection import inspect_images
from latefusion.tables.dataset import Dataset
from latefusion.utils.errors import InputError


def hash_images(images: pd.Series, folder) -> pd.Series:
    return inspect_images(folder, images).hashes


def hash_of(folder, name: str):
    return hash_images(pd.Series({"1": name}, dtype="str"), folder)["1"]


def differing_bits(first: int, second: int) -> int:
    return int(first ^ second).bit_count()


AGAIN = {
    "worse.jpg": lambda image, path: image.save(path, quality=60),
    "half.jpg": lambda image, path: image.resize((250, 210)).save(path, quality=85),
    "quarter.jpg": lambda image, path: image.resize((125, 105)).save(path, quality=85),
    "larger.jpg": lambda image, path: image.resize((1200, 1008)).save(path, quality=85),
    "lossless.png": lambda image, path: image.save(path),
    "small.webp": lambda image, path: image.resize((300, 252)).save(path),
    "palette.gif": lambda image, path: image.save(path, save_all=True, append_images=[image.rotate(90)]),
    "cmyk.jpg": lambda image, path: image.convert("CMYK").save(path, quality=90),
    "grey.jpg": lambda image, path: image.convert("L").save(path, quality=90),
    "turned.jpg": lambda image, path: image.rotate(90, expand=True).save(path, quality=90, exif=turned_right()),
    "transparent.png": lambda image, path: on_nothing(image).save(path),
}


def on_nothing(image: Image.Image) -> Image.Image:
    """The image without its white border, which is transparent instead; the colours beneath are black."""
    pixels = np.array(image.convert("RGBA"))
    border = np.ones(pixels.shape[:2], bool)
    border[20:-20, 20:-20] = False
    pixels[border] = 0
    return Image.fromarray(pixels)


@pytest.mark.parametrize("name", AGAIN)
def test_an_image_that_was_saved_again_keeps_its_hash(tmp_path, name):
    for seed in range(5):
        photograph(seed).save(tmp_path / "first.jpg", quality=92)
        AGAIN[name](photograph(seed), tmp_path / name)
        bits = differing_bits(hash_of(tmp_path, "first.jpg"), hash_of(tmp_path, name))
        assert bits <= (6 if name == "palette.gif" else 2)  # 256 colours make another image, if much like it


def test_different_images_have_hashes_far_apart(tmp_path):
    for seed in range(30):
        photograph(seed).save(tmp_path / f"{seed}.jpg")
    hashes = hash_images(pd.Series([f"{seed}.jpg" for seed in range(30)]), tmp_path)
    distances = [differing_bits(first, second) for first in hashes for second in hashes if first != second]
    assert len(distances) == 30 * 29
    assert min(distances) > 8


def test_the_same_file_is_named_by_many_products_and_read_in_their_order(tmp_path):
    for seed in range(2):
        photograph(seed).save(tmp_path / f"{seed}.jpg")
    hashes = hash_images(pd.Series(["0.jpg", "1.jpg", None, "0.jpg"], index=list("abcd"), dtype="str"), tmp_path)
    assert hashes["a"] == hashes["d"] == hash_of(tmp_path, "0.jpg") != hashes["b"]
    assert list(hashes.isna()) == [False, False, True, False]


def test_flat_missing_and_broken_images_have_no_twins(tmp_path):
    for name, shade in (("white.jpg", 255), ("white_too.jpg", 255), ("grey.png", 128)):
        Image.new("RGB", (300, 300), (shade, shade, shade)).save(tmp_path / name)
    photograph(0).resize((1, 1)).save(tmp_path / "pixel.png")
    photograph(0).resize((1, 1)).save(tmp_path / "pixel.jpg")
    noise = np.random.default_rng(0).integers(253, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "nearly_white.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 and no more")
    (tmp_path / "empty.jpg").touch()
    names = [*(path.name for path in tmp_path.iterdir()), "missing.jpg", "missing.jpg", None, None]
    products = table([f"title {number}" for number in range(len(names))], names)
    assert len(names) == 12
    hashes = hash_images(products["image"], tmp_path)
    assert list(find_duplicates(products["title"], hashes, 8).groups) == list(range(len(names)))


def table(titles: list, images: list | None = None) -> pd.DataFrame:
    images = [None] * len(titles) if images is None else images
    index = pd.Index([f"p{number}" for number in range(len(titles))], name="id", dtype="str")
    return pd.DataFrame({"title": titles, "image": images}, index, dtype="str")


@pytest.mark.parametrize("distance", range(9))
@pytest.mark.parametrize("block", [64, duplicates.BLOCK])
def test_near_pairs_are_those_of_brute_force(monkeypatch, distance, block):
    monkeypatch.setattr(duplicates, "BLOCK", block)
    rng = np.random.default_rng(distance)
    hashes = rng.integers(0, 2**64, 60, dtype=np.uint64)
    for _ in range(distance + 2):  # one more bit each time, up to one too many
        flipped = np.uint64(1) << rng.integers(0, 64, 60, dtype=np.uint64)
        hashes = np.concatenate([hashes, hashes[-60:] ^ flipped])
    hashes = np.concatenate([hashes, np.repeat(hashes[:2], 40), hashes[:30] & np.uint64(2**20 - 1)])
    differing = np.bitwise_count(hashes[:, None] ^ hashes)
    expected = np.argwhere(np.triu(differing <= distance, k=1))
    found = np.sort(near_pairs(hashes, distance), axis=1)
    assert len(expected) > 100
    assert sorted(map(tuple, found.tolist())) == list(map(tuple, expected.tolist()))


@pytest.mark.parametrize("hashes", [[], [7]])
def test_none_and_one_have_no_pairs(hashes):
    assert near_pairs(np.array(hashes, dtype=np.uint64), 3).shape == (0, 2)


def test_titles_are_equal_but_for_case_accents_entities_and_white_space():
    alike = ("Étui  d'été", "ETUI D'ETE ", "<b>e&#769;tui</b> d&#39;&eacute;t&eacute;")
    assert {title_key(title) for title in alike} == {"etui d'ete"}
    assert title_key("étui, bleu") != title_key("étui bleu")
    assert title_key("がく") != title_key("かく")  # no accents, other letters


def test_titles_that_say_nothing_are_equal_to_none():
    products = table(["NA", "na", "", "", "&nbsp;", "--", "--", "null", "lamp", "Lamp"])
    no_hashes = pd.Series(pd.NA, products.index, dtype="UInt64")
    assert list(find_duplicates(products["title"], no_hashes, 0).groups) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 8]


def test_groups_are_chained_through_titles_and_images_and_counted_by_first_row():
    titles = np.array([5, -1, 5, -1, -1, 0])
    images = np.array([-1, 9, 3, 3, 9, -1])
    assert list(join(titles, images)) == [0, 1, 0, 0, 1, 2]
    assert list(join(titles)) == [0, 1, 0, 2, 3, 4]
    assert list(join(np.empty(0, dtype=int))) == []


def made_up() -> Duplicates:
    """Titles a a b - c - c -; images 0 1 2 - 3 3 0 4, of which 1 is near 2, and 2 near 4."""
    titles = np.array([0, 0, 1, -1, 2, -1, 2, -1])
    images = np.array([0, 1, 2, -1, 3, 3, 0, 4])
    return Duplicates(titles, images, np.array([[1, 2], [4, 2]]))


def test_twins_are_direct_ones_and_groups_go_through_others():
    assert list(made_up().groups) == [0, 0, 0, 1, 0, 0, 0, 0]
    assert list(made_up().image_groups[[1, 2, 7]]) == [made_up().image_groups[1]] * 3
    twins = made_up().twins_in(np.array([0, 1, 0, 1, 1, 0, 0, 0], dtype=bool))
    assert twins["title"].tolist() == [True, True, False, False, True, False, True, False]
    assert twins["image"].tolist() == [False, True, True, False, True, True, False, False]  # 7 is near 2, not near 1
    assert (twins["either"] == twins["title"] | twins["image"]).all()


def test_the_report_counts_as_by_hand():
    parts = pd.Series(["train", "valid", "valid", "train", "train", "test", "submit", "submit"])
    labels = pd.Series(["x", "x", "y", "y", "x", "x", None, None], dtype="str")
    one_side = parts.mask(parts == "valid", "train")
    report = report_duplicates(made_up(), labels, {"stratified": parts, "grouped": one_side})
    assert report["groups"] == {
        "by_title": {"groups": 2, "products": 4, "largest": 2},
        "by_image": {"groups": 3, "products": 7, "largest": 3},
        "by_either": {"groups": 1, "products": 7, "largest": 7},
    }
    assert report["groups_of_several_labels"] == {"groups": 1, "products": 5}
    assert report["twins_in_train"]["stratified"] == {
        "valid": {"products": 2, "title": 1, "image": 0, "either": 1},
        "test": {"products": 1, "title": 0, "image": 1, "either": 1},
        "submit": {"products": 2, "title": 1, "image": 1, "either": 1},
    }
    assert report["twins_in_train"]["grouped"]["submit"] == {"products": 2, "title": 1, "image": 2, "either": 2}
    assert describe_near_duplicates(report, "stratified").startswith(
        "1 of 2 valid products (50.0%) and 1 of 1 held-out test"
    )


def test_folds_keep_groups_together_where_the_split_does():
    labels = ["a", "b"] * 30
    products = table([""] * 60).assign(label=labels, group=np.arange(60) // 3)
    folds = pd.Series(Dataset(products, ["a", "b"], Split(group_duplicates=True)).folds(products, 4, seed=1))
    assert (folds.groupby(products["group"].to_numpy()).nunique() == 1).all()
    apart = pd.Series(Dataset(products, ["a", "b"], Split()).folds(products, 4, seed=1))
    assert (apart.groupby(products["group"].to_numpy()).nunique() > 1).any()
    with pytest.raises(InputError, match="60 products in 20 groups of near-duplicates for 21 folds"):
        Dataset(products, ["a", "b"], Split(group_duplicates=True)).folds(products, 21, seed=1)


def test_no_fold_network_of_denoising_trains_on_a_twin_of_a_held_out_product(monkeypatch):
    products = table([""] * 60).assign(label=["a", "b"] * 30, group=np.arange(60) // 3)
    settings = Denoise(network=CnnExpert(model="resnet10t", pretrained=False))
    context = SimpleNamespace(
        experiment=SimpleNamespace(require_denoise=lambda: settings),
        dataset=Dataset(products, ["a", "b"], Split(group_duplicates=True)),
    )
    judged = []

    def fold_probs(context, fold, train, held_out):
        assert not set(train["group"]) & set(held_out["group"])
        judged.extend(held_out.index)
        return np.full((len(held_out), 2), 0.5)

    monkeypatch.setattr(fold_networks, "_fold_probs", fold_probs)
    assert np.isfinite(fold_networks._out_of_fold_probs(context, products)).all()
    assert sorted(judged) == sorted(products.index)

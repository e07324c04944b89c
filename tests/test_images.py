"""Pictures come out as right RGB, the same from the cache, and augmented by the draw alone."""

import pickle

import cv2
import numpy as np
import pandas as pd
import pytest

from latefusion.augment import augment, centre_crop, training_transform
from latefusion.config import ImageInput
from latefusion.errors import InputError
from latefusion.images import open_images, read_image


@pytest.fixture
def catalogue(tmp_path):
    """Three products: two pictures and one without."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        blurred = cv2.resize(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), (40, 40))
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), blurred)
    return pd.DataFrame({"image": ["a.jpg", "b.jpg", None]}, index=["1", "2", "3"]), tmp_path


def test_channels_are_red_green_blue(tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((8, 8, 3), (0, 0, 255), np.uint8))  # OpenCV writes BGR
    assert (read_image(tmp_path / "red.png", 8) == (255, 0, 0)).all()


def test_a_product_without_a_picture_is_white(catalogue):
    products, root = catalogue
    assert (open_images(products, root, root / "cache", None).read("3", 16) == 255).all()


def test_the_cache_gives_what_the_files_give_and_notices_a_new_file(catalogue):
    products, root = catalogue
    for _ in range(2):
        files, cached = (open_images(products, root, root / "cache", side) for side in (None, 32))
        for id_ in products.index:
            assert np.array_equal(files.read(id_, 32), cached.read(id_, 32))
        cv2.imwrite(str(root / "a.jpg"), np.zeros((50, 50, 3), np.uint8))


def test_a_loader_process_is_sent_no_pictures(catalogue):
    products, root = catalogue
    store = open_images(products, root, root / "cache", 256)
    picture = store.read("1", 256)
    sent = pickle.dumps(store)
    assert len(sent) < 10_000
    assert np.array_equal(pickle.loads(sent).read("1", 256), picture)


def test_a_file_that_broke_after_preparation_is_named(catalogue):
    products, root = catalogue
    (root / "a.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.jpg: cannot be decoded"):
        open_images(products, root, root / "cache", None).read("1", 16)


def test_a_file_that_vanished_after_preparation_is_named(catalogue):
    products, root = catalogue
    (root / "a.jpg").unlink()
    with pytest.raises(InputError, match=r"a\.jpg: cannot be decoded"):
        open_images(products, root, root / "cache", 32)


def test_augmentation_depends_on_the_draw_alone():
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    settings = ImageInput(resize=40, crop=32)
    one, other = training_transform(settings), training_transform(settings)
    first = augment(one, image, seed=1)
    augment(other, image, seed=7)  # what was drawn before does not matter
    assert np.array_equal(first, augment(other, image, seed=1))
    assert first.shape == (32, 32, 3)
    assert len({augment(one, image, seed).tobytes() for seed in range(8)}) == 8


def test_without_augmentation_the_crop_is_the_only_draw():
    image = np.arange(40 * 40 * 3, dtype=np.uint8).reshape(40, 40, 3)
    plain = training_transform(ImageInput(resize=40, crop=40, rotate=0, flip=False))
    assert np.array_equal(augment(plain, image, seed=3), image)


def test_evaluation_sees_the_centre():
    image = np.zeros((8, 8, 3), np.uint8)
    image[2:6, 2:6] = 9
    assert (centre_crop(image, 4) == 9).all()

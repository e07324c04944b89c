"""The cache of decoded images: made again when it is damaged, and only then."""

from pathlib import Path

import numpy as np
import pytest
from helpers.damage import cut
from helpers.image_cache import CACHE_FILES, SIDE, cache_files, read_pixels, write_images


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_images(tmp_path)


def test_what_another_machine_writes_is_left_alone(folder):
    (folder / "cache").mkdir()
    theirs = folder / "cache/images_24.npy.another.0123.partial"
    theirs.touch()
    read_pixels(folder, SIDE)
    assert theirs.exists()


DAMAGE = {
    "cut": ("npy", cut),
    "cut in its header": ("npy", lambda path: path.write_bytes(path.read_bytes()[:50])),
    "empty": ("npy", lambda path: path.write_bytes(b"")),
    "zeros": ("npy", lambda path: path.write_bytes(bytes(path.stat().st_size))),
    "of another shape": ("npy", lambda path: np.save(path, np.load(path)[:, :, :12].copy())),
    "of another shape and the same size": ("npy", lambda path: np.save(path, np.load(path).reshape(-1, 12, 48, 3))),
    "deleted": ("npy", Path.unlink),
    "stamp deleted": ("json", Path.unlink),
    "stamp empty": ("json", lambda path: path.write_bytes(b"")),
    "stamp cut": ("json", lambda path: path.write_bytes(path.read_bytes()[:9])),
    "stamp no object": ("json", lambda path: path.write_text("[1, 2]")),
    "stamp not text": ("json", lambda path: path.write_bytes(b"\xff\xfe\x00")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_is_made_again(folder, damage):
    expected = read_pixels(folder, SIDE)
    suffix, act = DAMAGE[damage]
    act(folder / f"cache/images_24.{suffix}")
    assert np.array_equal(read_pixels(folder, SIDE), expected)
    assert cache_files(folder) == CACHE_FILES


def test_a_sound_cache_is_not_made_again(folder):
    read_pixels(folder, SIDE)
    before = (folder / "cache/images_24.npy").stat().st_mtime_ns
    read_pixels(folder, SIDE)
    assert (folder / "cache/images_24.npy").stat().st_mtime_ns == before

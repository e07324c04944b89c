"""The cache of decoded images: built once by whoever comes first, made again when it is damaged or stale."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY
from PIL import Image

from latefusion.images.cache import open_images

N_IMAGES, SIDE = 40, 24
BUILD = """
import sys, time
from pathlib import Path
import pandas as pd
from latefusion.images import cache
from latefusion.images import store
from latefusion.utils import locks

folder = Path(sys.argv[1])
if sys.argv[2] == "no locks":
    locks.fcntl = None
real, read = store.read_image, []

def slowly(path):
    time.sleep(0.03)
    read.append(path)
    return real(path)

store.read_image = slowly
products = pd.read_parquet(folder / "products.parquet")
print("ready", flush=True)
sys.stdin.readline()
store = cache.open_images(products, folder, folder / "cache", 24)
print(len(read), sum(int(store.read(id_, 24).sum()) for id_ in products.index), flush=True)
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """Forty images, and a product without one."""
    for number in range(N_IMAGES):
        noise = np.random.default_rng(number).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{number}.png")
    images = [f"{number}.png" for number in range(N_IMAGES)] + [None]
    pd.DataFrame({"image": pd.Series(images, dtype="str")}).to_parquet(tmp_path / "products.parquet")
    return tmp_path


def start(folder: Path, locks: str = "locks") -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(folder), locks],
        cwd=REPOSITORY / "src",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def pixels(folder: Path, side: int | None) -> np.ndarray:
    products = pd.read_parquet(folder / "products.parquet")
    store = open_images(products, folder, folder / "cache", side)
    return np.stack([store.read(id_, SIDE) for id_ in products.index])


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "cache").iterdir())


WHOLE = ["images_24.json", "images_24.npy"]


@pytest.mark.parametrize("locks", ["locks", "no locks"])
def test_two_that_build_at_once_both_end_right(folder, locks):
    both = [start(folder, locks) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=60)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    expected = int(pixels(folder, None).sum())
    assert [int(total) for _, total in ends] == [expected, expected]
    if locks == "locks":
        assert sorted(int(n_read) for n_read, _ in ends) == [0, N_IMAGES]  # the second has waited for the first
    assert np.array_equal(pixels(folder, SIDE), pixels(folder, None))
    assert files(folder) == WHOLE


def test_what_a_killed_job_leaves_is_removed_and_locks_nobody_out(folder):
    killed = start(folder)
    killed.stdout.readline()
    killed.stdin.write("go\n")
    killed.stdin.flush()
    while not list(folder.glob("cache/*.partial")):
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    assert list(folder.glob("cache/*.partial"))
    assert np.array_equal(pixels(folder, SIDE), pixels(folder, None))
    assert files(folder) == WHOLE


def test_what_another_machine_writes_is_left_alone(folder):
    (folder / "cache").mkdir()
    theirs = folder / "cache/images_24.npy.another.0123.partial"
    theirs.touch()
    pixels(folder, SIDE)
    assert theirs.exists()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


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
    expected = pixels(folder, SIDE)
    suffix, act = DAMAGE[damage]
    act(folder / f"cache/images_24.{suffix}")
    assert np.array_equal(pixels(folder, SIDE), expected)
    assert files(folder) == WHOLE


def test_a_sound_cache_is_not_made_again(folder):
    pixels(folder, SIDE)
    before = (folder / "cache/images_24.npy").stat().st_mtime_ns
    pixels(folder, SIDE)
    assert (folder / "cache/images_24.npy").stat().st_mtime_ns == before

"""Several processes at one piece of work: locks, the image cache, and drawing the sample."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from helpers import image_cache
from helpers.image_cache import CACHE_FILES, N_IMAGES, SIDE, cache_files, read_pixels
from helpers.workspace import REPOSITORY

from latefusion.config import SampleConfig
from latefusion.utils.errors import InputError
from latefusion.utils.locks import locked
from sample_catalogue.plan import plan_products
from sample_catalogue.several import plan as several
from sample_catalogue.write import write_images

BUILD = """
import sys, time
from pathlib import Path
import pandas as pd
from latefusion.images import cache
from latefusion.images import store
from latefusion.utils import locks

folder = Path(sys.argv[1])
if sys.argv[2] == "no locks":
    locks.HAS_LOCKS = False
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
    return image_cache.write_images(tmp_path)


def start(folder: Path, locks: str = "locks") -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(folder), locks],
        cwd=REPOSITORY / "src",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


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
    expected = int(read_pixels(folder, None).sum())
    assert [int(total) for _, total in ends] == [expected, expected]
    if locks == "locks":
        assert sorted(int(n_read) for n_read, _ in ends) == [0, N_IMAGES]  # the second has waited for the first
    assert np.array_equal(read_pixels(folder, SIDE), read_pixels(folder, None))
    assert cache_files(folder) == CACHE_FILES


def test_the_files_of_a_killed_job_are_removed_and_lock_no_process_out(folder):
    killed = start(folder)
    killed.stdout.readline()
    killed.stdin.write("go\n")
    killed.stdin.flush()
    while not list(folder.glob("cache/*.partial")):
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    assert list(folder.glob("cache/*.partial"))
    assert np.array_equal(read_pixels(folder, SIDE), read_pixels(folder, None))
    assert cache_files(folder) == CACHE_FILES


HOLDER = """
import sys, time
from pathlib import Path
from latefusion.utils.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    if sys.argv[2:] == ["fork"]:
        import os
        os.fork()  # as a loader's worker
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Start processes that hold the lock on tmp_path / "job" until they are killed."""
    processes = []

    def start(*arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-c", HOLDER, str(tmp_path / "job"), *arguments]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, start_new_session=True,
            env={"PYTHONPATH": str(REPOSITORY / "src")},
        )  # fmt: skip
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_the_second_process_is_told_who_has_the_lock_and_since_when(tmp_path, holder):
    process = holder()
    with (
        pytest.raises(InputError, match=rf"job is being written by process {process.pid} on .* since 20") as refused,
        locked(tmp_path / "job"),
    ):
        pytest.fail("held twice")
    assert "run the same command again to continue" in str(refused.value)


@pytest.mark.parametrize("fork", [[], ["fork"]], ids=["alone", "with a child that lives on"])
def test_a_killed_process_holds_nothing(tmp_path, holder, fork):
    process = holder(*fork)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / "job.lock").exists()
    with locked(tmp_path / "job"):
        assert (tmp_path / "job.lock").exists()
    assert not list(tmp_path.iterdir())


def test_one_who_waits_gets_the_lock_when_the_holder_is_gone(tmp_path, holder):
    process = holder()
    subprocess.Popen([sys.executable, "-c", f"import os, time; time.sleep(.3); os.kill({process.pid}, 9)"]).wait()
    process.wait()
    started = time.monotonic()
    with locked(tmp_path / "job", wait=True):
        assert time.monotonic() - started < 10


def test_locks_of_different_work_do_not_meet(tmp_path, holder):
    holder()
    with locked(tmp_path / "other job"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"job.lock"}


@pytest.mark.parametrize(("layout", "plan_products"), [("sigir", plan_products), ("table", several.plan_products)])
def test_the_number_of_workers_changes_no_image_of_the_sample(tmp_path, layout, plan_products):
    products = plan_products(SampleConfig(products=240, seed=7, image_size=96))
    for workers, drawn in {1: products, 2: products[:60]}.items():
        write_images(drawn, tmp_path / str(workers), layout, seed=7, size=96, workers=workers)
    one, two = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "1", tmp_path / "2")
    )
    assert len(two) == 60
    assert two.items() <= one.items()

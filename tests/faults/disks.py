"""Disks that are full, or may not be written to. A small disk is a tmpfs, where we may mount one."""

import shutil
import subprocess
from pathlib import Path

import pytest

from faults.fault import REFUSED, Ended, Fault, run
from faults.shop import Shop

FULL = "the disk is full, or your quota of it: free some space"
ROOM = 20_000_000  # bytes


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"may not mount a small disk here: {done.stderr.strip()}")


def remount(folder: Path, *options: str) -> None:
    """Mount a small disk again with other options, such as `ro`."""
    _mount("-o", ",".join(("remount", *options)), str(folder))


def onto_a_disk(folder: Path, room: int) -> None:
    """Put a folder onto a disk that has `room` bytes more than it needs."""
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    folder.mkdir()
    blocks = sum(-(-path.stat().st_size // 4096) * 4096 if path.is_file() else 0 for path in aside.rglob("*"))
    _mount("-t", "tmpfs", "-o", f"size={blocks + room}", "tmpfs", str(folder))
    shutil.copytree(aside, folder, dirs_exist_ok=True)
    shutil.rmtree(aside)


def _full(script: str, job: str, room: int, folder: str = "weights") -> Fault:
    def act(shop: Shop) -> Ended:
        if job:
            shop.forget(job)
        onto_a_disk(shop.folder / folder, room)
        return run(script)(shop)

    def mend(shop: Shop) -> None:
        remount(shop.folder / folder, f"size={ROOM}")

    what = f"{folder}/ on a disk with {room // 1000} kB left"
    return Fault(
        what, script, "says that the disk is full; all files equal when there is room", act, (REFUSED,), FULL, mend
    )


def _read_only(script: str, job: str, folder: str) -> Fault:
    def act(shop: Shop) -> Ended:
        if job:
            shop.forget(job)
        else:
            shutil.rmtree(shop.folder / folder / "shop")
        onto_a_disk(shop.folder / folder, ROOM)
        remount(shop.folder / folder, "ro")
        return run(script)(shop)

    def mend(shop: Shop) -> None:
        remount(shop.folder / folder, "rw")

    what = f"{folder}/ read-only"
    return Fault(
        what, script, "says what may not be written; all files equal when it may", act, (REFUSED,), folder, mend
    )


def unmount(folder: Path) -> None:
    """Unmount what a row has mounted under a folder."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for point in mounts:
        if point.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", point], check=True)


FAULTS: list[Fault] = [
    _full("01_prepare.py", "catalogue", 8_192),
    _full("02_train_text.py", "tfidf", 16_384),
    _full("02_train_text.py", "text", 100_000),
    _full("03_denoise.py", "denoise", 60_000),
    _full("04_train_image.py", "cnn", 150_000),
    _full("05_train_dcl.py", "dcl", 40_000),
    _full("07_fuse.py", "both", 12_288),
    _full("08_vote.py", "vote", 8_192),
    _full("09_predict.py", "", 0, "submissions"),
    _read_only("01_prepare.py", "catalogue", "weights"),
    _read_only("02_train_text.py", "text", "weights"),
    _read_only("07_fuse.py", "both", "weights"),
    _read_only("09_predict.py", "", "submissions"),
]

"""A run that is cut and begun again ends as if it had not been cut; two processes end as one."""

import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY, Place, tiny_page

from latefusion.training import loop


def launch(place: Place, script: str, *arguments: str, prefix: tuple[str, ...] = (sys.executable,)) -> subprocess.Popen:
    command = [*prefix, str(REPOSITORY / "src" / script), "--config", str(place.page), *arguments]
    return subprocess.Popen(command, cwd=place.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Place:
    """A tiny experiment whose one expert, a CNN of four epochs, was trained in one go."""
    place = Place(tmp_path_factory.mktemp("uninterrupted"))
    page = tiny_page()
    page["experts"] = {"cnn": page["experts"]["cnn_raw"]}
    page["experts"]["cnn"]["train"] = page["experts"]["cnn"]["train"] | {"epochs": 4}
    page["policies"] = {"only": {"experts": ["cnn"]}}
    del page["denoise"]
    place.write_page(page)
    for script in ("00_draw_sample.py", "01_prepare.py", "04_train_image.py"):
        place.run(script)
    return place


@pytest.fixture
def untrained(uninterrupted, tmp_path) -> Place:
    """The same experiment before its expert was trained."""
    shutil.copytree(uninterrupted.folder, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy/weights/tiny/cnn")
    return Place(tmp_path / "copy")


def results(place: Place) -> list[bytes]:
    names = (
        "model.safetensors",
        "late-0.safetensors",
        "late-1.safetensors",
        "valid_probs.parquet",
        "test_probs.parquet",
    )
    return [(place.run_root / "cnn" / name).read_bytes() for name in names]


class Cut(Exception):
    """Stands for the process's death."""


@pytest.mark.parametrize(("where", "call"), [("keep_weights", 3), ("save_checkpoint", 2)])
def test_a_cut_run_ends_with_the_uninterrupted_weights(uninterrupted, untrained, monkeypatch, where, call):
    calls, real = [], getattr(loop, where)

    def dies(*arguments, **keywords):
        calls.append(None)
        result = real(*arguments, **keywords)
        if len(calls) == call:
            raise Cut
        return result

    with monkeypatch.context() as patch:
        patch.setattr(loop, where, dies)
        with pytest.raises(Cut):
            untrained.run("04_train_image.py")
    untrained.run("04_train_image.py")
    assert len(calls) == call
    assert results(untrained) == results(uninterrupted)
    log = [json.loads(line) for line in (untrained.run_root / "cnn/log.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in log] == [1, 2, 3, 4]


def test_loader_processes_do_not_change_the_weights(uninterrupted, untrained):
    untrained.run("04_train_image.py", "--set", "hardware.num_workers=1")
    assert results(untrained) == results(uninterrupted)


def test_a_killed_process_continues_to_the_same_weights(uninterrupted, untrained):
    process = launch(untrained, "04_train_image.py")
    deadline = time.monotonic() + 120
    while not list(untrained.run_root.glob("cnn/checkpoints/step-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (untrained.run_root / "cnn/model.safetensors").exists()
    untrained.run("04_train_image.py")
    assert results(untrained) == results(uninterrupted)


def test_two_processes_predict_every_product_once(uninterrupted, untrained):
    launcher = (sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2")
    process = launch(untrained, "04_train_image.py", prefix=launcher)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    for part in ("valid", "test"):
        one, two = (
            pd.read_parquet(place.run_root / f"cnn/{part}_probs.parquet") for place in (uninterrupted, untrained)
        )
        assert two.index.equals(one.index)
        assert np.isfinite(two.to_numpy()).all()
    log = [json.loads(line) for line in (untrained.run_root / "cnn/log.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in log] == [1, 2, 3, 4]

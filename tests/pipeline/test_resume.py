"""A run that is cut and begun again ends as if it had not been cut; two processes end as one."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.configs import TINY_END_TO_END, TINY_FROZEN, tiny_config
from helpers.damage import Cut, dying
from helpers.launch import fork, fork_two
from helpers.workspace import Workspace

from latefusion.training import loop

EXPERTS = {"04_train_image.py": "cnn", "02_train_text.py": "text", "06_train_joint.py": "joint"}  # by their script


@pytest.fixture(scope="module")
def trained_in(tmp_path_factory) -> Callable[[str], Workspace]:
    """Return, by precision, a tiny experiment of a CNN, a transformer and both end to end, trained in one go."""

    @cache
    def trained(precision: str) -> Workspace:
        workspace = Workspace(tmp_path_factory.mktemp(f"uninterrupted-{precision}"))
        workspace.write_config(config_of_four_epochs(precision))
        for script in ("00_draw_sample.py", "01_prepare.py", *EXPERTS):
            workspace.run(script)
        return workspace

    return trained


def config_of_four_epochs(precision: str) -> dict:
    config = tiny_config()
    cnn, camembert = config["experts"]["cnn_raw"], config["experts"]["camembert"]
    config["experts"] = {
        "cnn": cnn | {"train": cnn["train"] | {"epochs": 4}},
        "text": camembert | {"train": camembert["train"] | {"epochs": 4, "keep_last": 2}},
    }
    training = TINY_END_TO_END["train"] | {"epochs": 4, "keep_last": 2}
    config["experts"]["joint"] = TINY_END_TO_END | {"text": "text", "image": "cnn", "train": training}
    config["policies"] = {"only": {"experts": ["cnn", "text"]}}
    config["hardware"] |= {"checkpoint_every": 3, "mixed_precision": precision}
    del config["denoise"]
    return config


@pytest.fixture
def precision() -> str:
    """The precision of a test that is not parametrised over it."""
    return "no"


@pytest.fixture
def uninterrupted(trained_in, precision) -> Workspace:
    return trained_in(precision)


@pytest.fixture
def untrained(uninterrupted, tmp_path) -> Workspace:
    """The same experiment before its experts were trained."""
    copy = uninterrupted.copy(tmp_path / "copy")
    for expert in EXPERTS.values():
        shutil.rmtree(copy.run_root / "experts" / expert)
    return copy


def results(workspace: Workspace, expert: str) -> list[bytes]:
    names = (
        "model.safetensors",
        "late-0.safetensors",
        "late-1.safetensors",
        "valid_probs.parquet",
        "test_probs.parquet",
    )
    return [(workspace.run_root / "experts" / expert / name).read_bytes() for name in names]


def read_log(workspace: Workspace, expert: str) -> list[dict]:
    return [
        json.loads(line) for line in (workspace.run_root / "experts" / expert / "log.jsonl").read_text().splitlines()
    ]


@pytest.mark.parametrize("script", EXPERTS)
@pytest.mark.parametrize(
    ("where", "call", "precision"),
    [
        ("keep_weights", 3, "no"),
        ("save_checkpoint", 2, "no"),
        ("save_checkpoint", 5, "no"),
        ("save_checkpoint", 2, "bf16"),
    ],
)
def test_a_cut_run_ends_with_the_uninterrupted_weights(uninterrupted, untrained, monkeypatch, script, where, call):
    dies = dying(getattr(loop, where), call)
    with monkeypatch.context() as patch:
        patch.setattr(loop, where, dies)
        with pytest.raises(Cut):
            untrained.run(script)
    untrained.run(script)
    assert dies.calls == call
    assert results(untrained, EXPERTS[script]) == results(uninterrupted, EXPERTS[script])
    assert [record["epoch"] for record in read_log(untrained, EXPERTS[script])] == [1, 2, 3, 4]


@pytest.mark.parametrize("script", EXPERTS)
def test_loader_processes_do_not_change_the_weights(uninterrupted, untrained, script):
    untrained.run(script, "--set", "hardware.num_workers=1")
    assert results(untrained, EXPERTS[script]) == results(uninterrupted, EXPERTS[script])


def test_gradient_checkpointing_changes_memory_alone(uninterrupted, untrained, monkeypatch):
    recomputed, real = [], torch.autograd.graph.saved_tensors_hooks.__enter__

    def enter(hooks):  # how torch leaves activations out
        recomputed.append(hooks)
        return real(hooks)

    monkeypatch.setattr(torch.autograd.graph.saved_tensors_hooks, "__enter__", enter)
    untrained.run("02_train_text.py", "--set", "experts.text.train.gradient_checkpointing=true")
    assert recomputed
    assert results(untrained, "text") == results(uninterrupted, "text")


@pytest.mark.parametrize("script", EXPERTS)
def test_a_killed_process_continues_to_the_same_weights(server, uninterrupted, untrained, script):
    process = fork(server, untrained, script)
    run_dir = untrained.run_root / "experts" / EXPERTS[script]
    deadline = time.monotonic() + 120
    while not list(run_dir.glob("checkpoints/step-*[0-9]")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert list(run_dir.glob("checkpoints/step-*[0-9]"))
    assert not (run_dir / "model.safetensors").exists()
    untrained.run(script)
    assert results(untrained, EXPERTS[script]) == results(uninterrupted, EXPERTS[script])


def test_two_processes_predict_every_product_once(uninterrupted, untrained, server):
    fork_two(server, untrained, "04_train_image.py")
    for part in ("valid", "test"):
        one, two = (
            pd.read_parquet(workspace.run_root / f"experts/cnn/{part}_probs.parquet")
            for workspace in (uninterrupted, untrained)
        )
        assert two.index.equals(one.index)
        assert np.isfinite(two.to_numpy()).all()
    assert [record["epoch"] for record in read_log(untrained, "cnn")] == [1, 2, 3, 4]


SGD = {"optimizer": "sgd", "lr": 0.5, "epochs": 4}  # AdamW would forgive gradients of another scale
ADAMW = {"optimizer": "adamw", "lr": 0.005, "epochs": 12}  # long enough to tell products apart


@pytest.mark.parametrize(
    ("train", "width", "spread", "precision"),
    [(SGD, 16, 0.0, "no"), (ADAMW, 64, 0.1, "no"), (SGD, 16, 0.0, "bf16")],
    ids=["sgd", "adamw", "sgd-bf16"],
)
def test_two_processes_train_the_text_expert_as_one_does(untrained, tmp_path, train, width, spread, server):
    """Batches of 31 in four parts, a last one that is smaller; no dropout, for each process draws its own.

    In bf16 each part's gradients are rounded to 8 bits before they are summed. SGD's steps differ as little; AdamW
    makes a step of its full length of a gradient near zero too, whose sign may turn, so it is compared in fp32 alone.
    """
    train = train | {"batch_size": 31, "gradient_accumulation_steps": 2, "warmup_fraction": 0}
    settings = [f"experts.text.train.{key}={value}" for key, value in train.items()]
    settings += ["experts.text.dropout=0", f"experts.text.scratch.hidden_size={width}"]
    settings = [word for setting in settings for word in ("--set", setting)]
    two = untrained.copy(tmp_path / "two")
    untrained.run("02_train_text.py", *settings)
    fork_two(server, two, "02_train_text.py", *settings)
    log, log_of_two = read_log(untrained, "text"), read_log(two, "text")
    assert len(log) == len(log_of_two) == train["epochs"]
    assert log[-1]["loss"] < log[0]["loss"] - 0.05
    for one, other in zip(log, log_of_two, strict=True):
        for key in ("loss", "lr", "valid_macro_f1", "valid_accuracy"):
            assert other[key] == pytest.approx(one[key], rel=1e-3), key
    for part in ("valid", "test"):
        one, other = (
            pd.read_parquet(workspace.run_root / f"experts/text/{part}_probs.parquet") for workspace in (untrained, two)
        )
        pd.testing.assert_frame_equal(one, other, rtol=1e-2, atol=1e-5)
        assert one.std().max() >= spread


def test_two_processes_train_on_frozen_features_as_one_does(uninterrupted, tmp_path, server):
    """Both compute the features of half the products each, and batches of 31 in four parts."""
    training = {"optimizer": "sgd", "lr": 0.5, "epochs": 4, "batch_size": 31, "gradient_accumulation_steps": 2}
    frozen = TINY_FROZEN | {"text": "text", "image": "cnn", "dropout": 0, "train": training}
    settings = ("--only", "frozen", "--set", f"experts.frozen={json.dumps(frozen)}")
    one, two = (uninterrupted.copy(tmp_path / name) for name in ("one", "two"))
    one.run("06_train_joint.py", *settings)
    fork_two(server, two, "06_train_joint.py", *settings)
    for path in one.run_root.glob("cache/features/*/*/part-*.npy"):
        of_two = np.load(two.run_root / path.relative_to(one.run_root))
        assert np.allclose(of_two, np.load(path), atol=1e-5)
    log, log_of_two = read_log(one, "frozen"), read_log(two, "frozen")
    assert log[-1]["loss"] < log[0]["loss"] - 0.05
    for record, other in zip(log, log_of_two, strict=True):
        for key in ("loss", "lr", "valid_macro_f1"):
            assert other[key] == pytest.approx(record[key], rel=1e-3), key

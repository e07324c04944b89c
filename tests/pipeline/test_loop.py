"""The training loop on a toy network: parts of a batch make the same step, and damage is not continued from."""

import json
import os
import stat
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.damage import Cut, dying
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import Dataset

from latefusion.config import Hardware, TextTraining
from latefusion.dataset.split import assign_folds
from latefusion.metrics.selection import CrossSelection
from latefusion.training import loop
from latefusion.training.checkpoint import best_weights, late_weights, resume
from latefusion.training.loaders import Data
from latefusion.training.loop import fit, make_accelerator, predict_dataset
from latefusion.training.objective import ONE_LABEL, outputs
from latefusion.utils.errors import InputError
from latefusion.utils.weights import load_weights

SIZE, CLASSES = 70, 3
HARDWARE = Hardware(num_workers=0, mixed_precision="no", checkpoint_every=2)


class Points(Dataset):
    """Points in the plane by class; items by (index, epoch) in training."""

    def __init__(self, *, labelled: bool):
        rng = np.random.default_rng(0)
        self.labels = rng.integers(CLASSES, size=SIZE)
        self.points = (rng.normal(size=(SIZE, 2)) + self.labels[:, None]).astype(np.float32)
        self.labelled = labelled

    def __len__(self):
        return SIZE

    def __getitem__(self, key):
        if not self.labelled:
            return {"points": self.points[key]}
        index, _ = key
        return {"points": self.points[index], "labels": self.labels[index]}


def collate(items):
    return {key: torch.from_numpy(np.stack([item[key] for item in items])) for key in items[0]}


class Net(nn.Module):
    def __init__(self, dropout: float = 0.0):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, CLASSES))

    def forward(self, points, labels=None):
        return outputs(ONE_LABEL, self.layers(points), labels)


def train(run_dir, *, dropout: float = 0.0, hardware: Hardware = HARDWARE, **training):
    """Fit a toy and return its best weights and its log."""
    torch.manual_seed(0)
    model = Net(dropout)
    points = Points(labelled=True)
    selection = CrossSelection(points.labels, assign_folds(points.labels, 4, 0), CLASSES)
    data = Data(train=points, collate=collate, valid=Points(labelled=False), selection=selection)
    settings = TextTraining(**{"epochs": 3, "batch_size": 16, "lr": 0.05} | training)
    fitted = fit(
        make_accelerator(hardware), model, [{"params": model.parameters()}], data,
        training=settings, hardware=hardware, run_dir=run_dir, name="toy",
        section="experts.toy.train",
    )  # fmt: skip
    load_weights(model, best_weights(run_dir, fitted.progress))
    log = [json.loads(line) for line in (run_dir / "log.jsonl").read_text().splitlines()]
    return model.state_dict() | {"valid_probs": torch.from_numpy(fitted.valid_probs)}, log


@pytest.mark.parametrize("steps", [2, 3, 16])
def test_accumulation_equals_the_large_batch(tmp_path, steps):
    plain = {"optimizer": "sgd", "lr": 0.5}  # AdamW would forgive gradients of another scale
    weights, log = train(tmp_path / "whole", **plain)
    in_parts, log_in_parts = train(tmp_path / "parts", gradient_accumulation_steps=steps, **plain)
    for key, value in weights.items():
        torch.testing.assert_close(in_parts[key], value)
    for record, in_parts in zip(log, log_in_parts, strict=True):
        assert in_parts["loss"] == pytest.approx(record["loss"], abs=1e-5)
        assert in_parts["lr"] == record["lr"]


def test_accumulation_in_bf16_differs_by_its_rounding(tmp_path):
    """Each part's gradients are rounded to 8 bits before they are summed: weights are near, not equal."""
    settings = {"hardware": in_bf16(), "optimizer": "sgd", "lr": 0.5, "keep_last": 1}
    runs = {"whole": 1, "parts": 3}
    logs = [train(tmp_path / run, gradient_accumulation_steps=steps, **settings)[1] for run, steps in runs.items()]
    weights, in_parts = (load_file(late_weights(tmp_path / run, 0)) for run in runs)
    for key, value in weights.items():
        torch.testing.assert_close(in_parts[key], value, rtol=0, atol=0.01)  # of up to 0.8
    for record, in_parts in zip(*logs, strict=True):
        assert in_parts["loss"] == pytest.approx(record["loss"], rel=2e-3)


def test_the_log_has_losses_speed_and_validation_scores(tmp_path):
    _, log = train(tmp_path)
    keys = {"epoch", "step", "loss", "lr", "items_per_second", "valid_macro_f1", "valid_weighted_f1", "valid_accuracy"}
    assert all(set(record) == keys for record in log)
    assert [record["step"] for record in log] == [5, 10, 15]
    assert log[-1]["loss"] < log[0]["loss"]
    assert list((tmp_path / "tensorboard").glob("events.*"))


def explode_at(monkeypatch, step: int) -> None:
    """Let the learning rate of one step (of 15, five an epoch) be beyond float32."""
    real = loop.lr_factor

    def factor(*arguments):
        usual = real(*arguments)
        return lambda number: 1e300 if number == step - 1 else usual(number)

    monkeypatch.setattr(loop, "lr_factor", factor)


@pytest.mark.parametrize(
    ("step", "problem", "checkpoints"),
    [
        (1, "the loss is nan in epoch 1", []),
        (8, "the weights are not finite in epoch 2", [5, 6]),
        (10, "the weights are not finite in epoch 2", [6, 8]),
    ],
)
def test_training_that_diverges_stops_and_keeps_what_was_good(tmp_path, monkeypatch, step, problem, checkpoints):
    weights, _ = train(tmp_path / "sound", optimizer="sgd")
    run_dir = tmp_path / "diverges"
    with monkeypatch.context() as patch:
        explode_at(patch, step)
        for _ in range(2):  # the second time from the latest checkpoint
            with pytest.raises(InputError) as refused:
                train(run_dir, optimizer="sgd")
            assert str(refused.value) == f"toy: {problem}: lower experts.toy.train.lr (0.05)"
            assert sorted(path.name for path in run_dir.glob("checkpoints/*")) == [f"step-{n:08d}" for n in checkpoints]
    continued, _ = train(run_dir, optimizer="sgd")
    assert all(torch.equal(continued[key], value) for key, value in weights.items())


def test_validation_probabilities_that_are_not_finite_are_not_kept(tmp_path, monkeypatch):
    real = loop.predict

    def overflow(accelerator, model, loader):
        probs = real(accelerator, model, loader)
        probs[3] = np.nan
        return probs

    monkeypatch.setattr(loop, "predict", overflow)
    with pytest.raises(InputError, match="toy: the probabilities of 1 of 70 validation products are nan in epoch 1: l"):
        train(tmp_path)
    assert sorted(path.name[-1] for path in tmp_path.glob("checkpoints/*")) == ["2", "4"]
    assert not list(tmp_path.glob("best-*"))
    points = Points(labelled=False)
    with pytest.raises(InputError, match=r"the probabilities of 1 of 70 products are nan: .* overflows in bf16; lower"):
        predict_dataset(make_accelerator(in_bf16()), Net(), points, collate, batch_size=16, hardware=HARDWARE)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664)])
def test_whoever_shares_the_folder_can_read_weights_and_checkpoints(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        train(tmp_path)
    finally:
        os.umask(before)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} > {"model.safetensors", "optimizer.bin", "log.jsonl"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {mode}


@pytest.mark.parametrize(
    ("precision", "call"), [*(("no", call) for call in range(1, 16)), ("bf16", 5), ("bf16", 9), ("bf16", 14)]
)
def test_a_run_cut_after_any_step_ends_with_the_same_weights(tmp_path, monkeypatch, precision, call):
    settings = {"dropout": 0.5, "hardware": HARDWARE.model_copy(update={"mixed_precision": precision})}
    weights, log = train(tmp_path / "whole", **settings)
    with monkeypatch.context() as patch:
        patch.setattr(loop.TrainingLog, "step", dying(loop.TrainingLog.step, call))
        with pytest.raises(Cut):
            train(tmp_path / "cut", **settings)
    assert len(list((tmp_path / "cut").glob("checkpoints/*"))) <= 2
    continued, log_continued = train(tmp_path / "cut", **settings)
    assert all(torch.equal(continued[key], value) for key, value in weights.items())
    assert _without_speed(log_continued) == _without_speed(log)


def _without_speed(log: list[dict]) -> list[dict]:
    return [{key: value for key, value in record.items() if key != "items_per_second"} for record in log]


def cut_in_epoch_two(run_dir, monkeypatch) -> list:
    """Leave two checkpoints, of steps 6 and 8, and return their folders."""
    with monkeypatch.context() as patch:
        patch.setattr(loop.TrainingLog, "step", dying(loop.TrainingLog.step, 9))
        with pytest.raises(Cut):
            train(run_dir)
    folders = sorted(run_dir.glob("checkpoints/*"))
    assert [folder.name for folder in folders] == ["step-00000006", "step-00000008"]
    return folders


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.bin", "progress.json", "files.json"])
def test_a_truncated_checkpoint_is_refused_and_the_older_one_offered(tmp_path, monkeypatch, name):
    older, newest = cut_in_epoch_two(tmp_path, monkeypatch)
    content = (newest / name).read_bytes()
    (newest / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError) as refused:
        train(tmp_path)
    for part in (newest.name, name, f"continue from {older.name}", f"rm -r {newest}"):
        assert part in str(refused.value)
    weights, _ = train(tmp_path / "whole")
    for file in newest.iterdir():  # what the message says
        file.unlink()
    newest.rmdir()
    continued, _ = train(tmp_path)
    assert all(torch.equal(continued[key], value) for key, value in weights.items())


def test_a_changed_byte_is_damage_too_and_two_damaged_checkpoints_are_both_named(tmp_path, monkeypatch):
    older, newest = cut_in_epoch_two(tmp_path, monkeypatch)
    for folder in (older, newest):
        content = bytearray((folder / "optimizer.bin").read_bytes())
        content[len(content) // 2] ^= 1
        (folder / "optimizer.bin").write_bytes(content)
    with pytest.raises(InputError, match="has changed since it was written") as refused:
        train(tmp_path)
    assert "no older checkpoint is intact" in str(refused.value)
    assert f"rm -r {newest} {older}" in str(refused.value)


def test_bf16_trains_nearly_as_fp32_does(tmp_path):
    _, log = train(tmp_path / "fp32")
    _, log_bf16 = train(tmp_path / "bf16", hardware=in_bf16())
    for record, other in zip(log, log_bf16, strict=True):
        assert other["loss"] == pytest.approx(record["loss"], rel=0.05)
        assert other["loss"] != record["loss"]


def in_bf16() -> Hardware:
    return HARDWARE.model_copy(update={"mixed_precision": "bf16"})


def test_a_process_may_change_its_precision():
    for precision in ("no", "bf16", "no"):
        assert make_accelerator(Hardware(mixed_precision=precision)).mixed_precision == precision


@pytest.mark.parametrize(
    ("cuda", "gpu_bf16", "cpu", "expected"),
    [
        (False, False, {"avx512_bf16": True}, "bf16"),
        (False, False, {"amx_bf16": True}, "bf16"),
        (False, False, {"avx512_f": True}, "no"),
        (True, True, {}, "bf16"),
        (True, False, {"avx512_bf16": True}, "no"),
    ],
)
def test_precision_is_that_of_the_hardware(monkeypatch, cuda, gpu_bf16, cpu, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: gpu_bf16)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: cpu)
    asked = []

    def fake(*, mixed_precision: str, **settings) -> SimpleNamespace:
        asked.append(mixed_precision)
        return SimpleNamespace(device=torch.device("cpu"), num_processes=1)

    monkeypatch.setattr(loop, "Accelerator", fake)
    make_accelerator(Hardware())
    make_accelerator(Hardware(mixed_precision="fp16"))
    assert asked == [expected, "fp16"]


def test_a_run_begun_without_a_loss_scaler_is_not_continued_in_fp16(tmp_path, monkeypatch):
    cut_in_epoch_two(tmp_path, monkeypatch)
    accelerator = make_accelerator(HARDWARE)
    accelerator.scaler = torch.amp.GradScaler("cpu")
    with pytest.raises(InputError, match=r"set hardware\.mixed_precision back"):
        resume(accelerator, tmp_path, "toy", None)


def test_a_run_that_continues_in_another_precision_says_so(tmp_path, monkeypatch, caplog):
    cut_in_epoch_two(tmp_path, monkeypatch)
    train(tmp_path)
    assert "precision" not in caplog.text
    cut_in_epoch_two(tmp_path / "moved", monkeypatch)
    train(tmp_path / "moved", hardware=in_bf16())
    assert "toy: started in precision no, continues in bf16" in caplog.text


def test_a_checkpoint_of_an_earlier_version_is_refused(tmp_path, monkeypatch):
    cut_in_epoch_two(tmp_path, monkeypatch)
    newest = sorted(tmp_path.glob("checkpoints/step-*"))[-1]
    (newest / "selection.npz").unlink()
    files = json.loads((newest / "files.json").read_text())
    del files["selection.npz"]
    (newest / "files.json").write_text(json.dumps(files))
    with pytest.raises(InputError, match="checkpoint is of an earlier version; remove"):
        train(tmp_path)


def test_compile_is_a_choice(tmp_path, monkeypatch):
    compiled, real = [], nn.Module.compile

    def compile_without_a_compiler(module, *arguments, **keywords):
        compiled.append(module)
        real(module, *arguments, backend="aot_eager", **keywords)  # inductor would call the C++ compiler, for a minute

    monkeypatch.setattr(nn.Module, "compile", compile_without_a_compiler)
    weights, _ = train(tmp_path / "eager")
    assert not compiled
    same, _ = train(tmp_path / "compiled", hardware=HARDWARE.model_copy(update={"compile": True}))
    assert len(compiled) == 1
    for key, value in weights.items():
        torch.testing.assert_close(same[key], value)

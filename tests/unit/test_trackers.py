"""Trackers get the losses of steps and the records of epochs; a run that continues goes on in the same run there."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from accelerate.tracking import GeneralTracker
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from latefusion.config import Hardware
from latefusion.training import log, trackers
from latefusion.training.log import TrainingLog
from latefusion.training.progress import Progress, Step
from latefusion.training.trackers import TrackedRun, flatten, require_trackers
from latefusion.utils.errors import InputError
from latefusion.utils.files import write_json, write_yaml

STEPS = log.EVERY


class Fake(GeneralTracker):
    """A tracker in memory, which has the names of MLflow's attributes."""

    name = "mlflow"
    requires_logging_directory = False
    made: list["Fake"] = []  # noqa: RUF012

    def __init__(self, project, *, run_id=None, run_name=None):
        super().__init__()
        self.project, self.run_id, self.run_name = project, run_id, run_name
        self.values, self.settings, self.is_open = [], {}, False
        Fake.made.append(self)

    @property
    def tracker(self):
        return SimpleNamespace(info=SimpleNamespace(run_id=self.run_id or f"run {len(Fake.made)}"))

    def start(self):
        self.is_open = True

    def store_init_configuration(self, values):
        self.settings = values

    def log(self, values, step, **keywords):
        self.values.append((step, values))

    def finish(self):
        self.is_open = False


@pytest.fixture
def run_dir(tmp_path, monkeypatch) -> Path:
    """The run folder of a job that has begun, and MLflow in memory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trackers, "MLflowTracker", Fake)
    monkeypatch.setattr(Fake, "made", [])
    folder = Path("weights/shop/experts/cnn")
    write_yaml(folder / "config.yaml", {"train": {"lr": 0.1, "warmup": None}, "layers": [1, 2], "kind": "cnn"})
    return folder


def train(run_dir: Path, *names: str, first: int = 0, steps: int = 2 * STEPS, accelerator: Accelerator | None = None):
    progress = Progress(step=first)
    with TrainingLog(
        accelerator or Accelerator(cpu=True), Hardware(trackers=names), run_dir, "cnn", progress, total_steps=steps
    ) as training:
        for _ in range(first, steps):
            step = Step({"loss": torch.tensor(0.5)}, items=4, share=1.0, lr=0.1)
            progress.add(step)
            training.step(progress, step)
        training.close_epoch(progress, {"valid_macro_f1": 0.75})


def test_a_tracker_gets_losses_records_and_flat_settings(run_dir):
    accelerator = Accelerator(cpu=True)
    train(run_dir, "mlflow", accelerator=accelerator)
    (tracker,) = Fake.made
    assert (tracker.project, tracker.run_name) == ("shop", "experts/cnn")
    assert tracker.settings == {"train.lr": 0.1, "train.warmup": "None", "layers": "[1, 2]", "kind": "cnn"}
    steps = [(step, sorted(values)) for step, values in tracker.values]
    of_step = ["train/items_per_second", "train/loss", "train/lr"]
    assert steps == [(STEPS, of_step), (2 * STEPS, of_step), (2 * STEPS, ["epoch/valid_macro_f1"])]
    assert (tracker.is_open, accelerator.trackers) == (False, [])


def test_an_interrupted_run_continues_its_run_and_one_that_begins_again_does_not(run_dir):
    train(run_dir, "mlflow")
    train(run_dir, "mlflow", first=STEPS)
    assert [tracker.run_id for tracker in Fake.made] == [None, "run 1"]
    record = {"fingerprint": "", "script": "", "inputs": {}, "run": None, "files": {}}
    names = []
    for attempt in ("first", "first", "second"):
        write_json(run_dir / "job.json", record | {"attempt": attempt})
        names.append(TrackedRun(run_dir, 1).id)
    assert names[0] == names[1] != names[2]
    assert TrackedRun(run_dir / "folds/fold-0", 1).id != names[2]  # a network of the same job


def test_steps_that_are_repeated_are_once_in_tensorboard(run_dir):
    train(run_dir, "tensorboard", steps=3 * STEPS)
    train(run_dir, "tensorboard", first=STEPS, steps=3 * STEPS)
    events = EventAccumulator(str(run_dir / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [STEPS, 2 * STEPS, 3 * STEPS]
    assert not list(run_dir.glob("tensorboard/*/"))  # no further run of settings


def test_without_trackers_and_in_other_processes_nothing_is_written(run_dir):
    train(run_dir)
    other = SimpleNamespace(is_main_process=False, trackers=[], log=lambda values, step: None)
    train(run_dir, "tensorboard", "mlflow", accelerator=other)
    assert [path.name for path in run_dir.iterdir()] == ["config.yaml"]
    assert Fake.made == []


def test_a_tracker_that_cannot_start_closes_the_others_and_says_what_to_do(run_dir, monkeypatch):
    def refuse(self):
        raise OSError("no connection")

    monkeypatch.setattr(Fake, "start", refuse)
    accelerator = Accelerator(cpu=True)
    with pytest.raises(
        InputError, match=r"mlflow cannot be started .*leave it out of hardware\.trackers.* no connection"
    ):
        train(run_dir, "tensorboard", "mlflow", accelerator=accelerator)
    assert accelerator.trackers == []


def test_a_tracker_that_is_not_installed_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(trackers, "find_spec", lambda name: None if name == "wandb" else object())
    require_trackers(["tensorboard", "mlflow"])
    with pytest.raises(InputError, match="the package wandb is not installed: pip install wandb"):
        require_trackers(["tensorboard", "wandb"])


def test_nested_settings_become_flat():
    assert flatten({"a": {"b": {"c": 1}, "d": True}, "e": 0.5, "f": None}) == {
        "a.b.c": 1,
        "a.d": True,
        "e": 0.5,
        "f": "None",
    }

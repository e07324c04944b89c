"""Logging of a training run: a progress bar with the remaining time, and the trackers of `hardware.trackers`.

`tensorboard --logdir weights/<experiment>` shows all experts of an experiment side by side.
"""

import time
from pathlib import Path

from accelerate import Accelerator

from latefusion.config import Hardware
from latefusion.training.progress import Progress, Step
from latefusion.training.trackers import TrackedRun, finish_trackers, log, start_trackers
from latefusion.utils.progress import Bar

EVERY = 20  # steps between two entries of a tracker: reading a loss waits for the device


class TrainingLog:
    """The log of a training run; only the main process writes. Use it as a context manager, which closes it."""

    def __init__(
        self, accelerator: Accelerator, hardware: Hardware, run_dir: Path, name: str, progress: Progress,
        total_steps: int,
    ):  # fmt: skip
        self.accelerator = accelerator
        # An interrupted run repeats the steps after its last checkpoint.
        start_trackers(accelerator, hardware.trackers, TrackedRun(run_dir, first_step=progress.step + 1))
        self.bar = Bar(
            total=total_steps, initial=progress.step, desc=name, unit="batch",
            is_main=accelerator.is_main_process, measures_job=True,
        )  # fmt: skip
        self.begin_epoch()

    def __enter__(self) -> "TrainingLog":
        return self

    def __exit__(self, *error) -> None:
        self.bar.close()
        finish_trackers(self.accelerator)

    def begin_epoch(self) -> None:
        self.started, self.items = time.perf_counter(), 0

    def step(self, progress: Progress, step: Step) -> None:
        """Log a step; the losses are those of this process."""
        self.items += step.items
        if self.accelerator.is_main_process and progress.step % EVERY == 0:
            self._log_losses(progress.step, step)
        self.bar.update()

    def _log_losses(self, number: int, step: Step) -> None:
        scalars = {key: loss.item() / step.share for key, loss in step.losses.items() if step.share}
        self.bar.note(f"loss={scalars['loss']:.3f}" if scalars else "loss=-")
        self._write("train", scalars | {"lr": step.lr, "items_per_second": self.items_per_second()}, number)

    def close_epoch(self, progress: Progress, record: dict) -> None:
        self._write("epoch", record, progress.step)

    def items_per_second(self) -> float:
        """Return the mean speed since the start of the epoch, or since the resume within it."""
        return self.items / (time.perf_counter() - self.started)

    def _write(self, group: str, scalars: dict, step: int) -> None:
        log(self.accelerator, {f"{group}/{key}": value for key, value in scalars.items()}, step)

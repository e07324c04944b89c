"""Logging of a training run: a progress bar with the remaining time, and TensorBoard events.

`tensorboard --logdir weights/<experiment>` shows all experts of an experiment side by side.
"""

import time
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from latefusion.training.progress import Progress, Step

EVERY = 20  # steps between two TensorBoard entries: reading a loss waits for the device


class TrainingLog:
    """The log of a training run; only the main process writes. Use it as a context manager, which closes it."""

    def __init__(self, run_dir: Path, name: str, progress: Progress, total_steps: int, *, is_main: bool):
        hidden = None if is_main else True  # None: tqdm hides the bar if the output is no terminal
        self.bar = tqdm(total=total_steps, initial=progress.step, desc=name, unit="batch", disable=hidden)
        # An interrupted run repeats the steps after its last checkpoint: purge their events.
        self.writer = SummaryWriter(str(run_dir / "tensorboard"), purge_step=progress.step + 1) if is_main else None
        self.begin_epoch()

    def __enter__(self) -> "TrainingLog":
        return self

    def __exit__(self, *error) -> None:
        self.bar.close()
        if self.writer is not None:
            self.writer.close()

    def begin_epoch(self) -> None:
        self.started, self.items = time.perf_counter(), 0

    def step(self, progress: Progress, step: Step) -> None:
        """Log a step; the losses are those of this process."""
        self.bar.update()
        self.items += step.items
        if self.writer is None or progress.step % EVERY:
            return
        scalars = {key: loss.item() / step.share for key, loss in step.losses.items() if step.share}
        self.bar.set_postfix(loss=f"{scalars['loss']:.3f}" if scalars else "-", refresh=False)
        self._write("train", scalars | {"lr": step.lr, "items_per_second": self.items_per_second()}, progress.step)

    def close_epoch(self, progress: Progress, record: dict) -> None:
        self._write("epoch", record, progress.step)

    def items_per_second(self) -> float:
        """Return the mean speed since the start of the epoch, or since the resume within it."""
        return self.items / (time.perf_counter() - self.started)

    def _write(self, group: str, scalars: dict, step: int) -> None:
        if self.writer is not None:
            for key, value in scalars.items():
                self.writer.add_scalar(f"{group}/{key}", value, step)

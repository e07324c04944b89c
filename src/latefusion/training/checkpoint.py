"""What a training run leaves while it runs: checkpoints to continue from, and the weights worth keeping.

A checkpoint is a folder `checkpoints/epoch-<n>/`, written whole or not at all; the two newest stay.
"""

import json
import logging
import math
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator

from latefusion.config import Training
from latefusion.files import partial_of, read_json, remove, whole, write_json, write_text
from latefusion.weights import save_weights

logger = logging.getLogger(__name__)
BEST = "best.safetensors"


@dataclass
class Progress:
    """Where a training run stands."""

    epoch: int = 0  # epochs finished
    step: int = 0
    best_epoch: int = 0
    best_macro_f1: float = -math.inf
    history: list[dict] = field(default_factory=list)

    def record(self, losses_and_scores: dict, steps: int) -> bool:
        """Add an epoch's record; return whether it is the best so far (without validation the latest always is)."""
        self.epoch += 1
        self.step += steps
        self.history.append({"epoch": self.epoch, "step": self.step} | losses_and_scores)
        score = losses_and_scores.get("valid_macro_f1")
        better = score is None or score > self.best_macro_f1
        if better:
            self.best_epoch = self.epoch
            self.best_macro_f1 = -math.inf if score is None else score
        return better


def resume(accelerator: Accelerator, run_dir: Path, name: str) -> Progress:
    """Load the newest checkpoint into what the accelerator prepared, if there is one."""
    finished = _checkpoints(run_dir)
    if not finished:
        return Progress()
    accelerator.load_state(str(finished[-1]))
    progress = Progress(**read_json(finished[-1] / "progress.json"))
    logger.info("%s: continues after epoch %d", name, progress.epoch)
    return progress


def save_checkpoint(accelerator: Accelerator, progress: Progress, run_dir: Path) -> None:
    """Save everything that the next epoch needs; called by all processes."""
    final = run_dir / "checkpoints" / f"epoch-{progress.epoch:04d}"
    with whole(final) if accelerator.is_main_process else nullcontext(partial_of(final)) as partial:
        accelerator.wait_for_everyone()  # the main process has cleared the place
        accelerator.save_state(str(partial))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            write_json(partial / "progress.json", asdict(progress))
            write_text(run_dir / "log.jsonl", "".join(json.dumps(record) + "\n" for record in progress.history))
    if accelerator.is_main_process:
        for old in _checkpoints(run_dir)[:-2]:
            remove(old)


def _checkpoints(run_dir: Path) -> list[Path]:
    """Return the finished checkpoints, oldest first."""
    return sorted(path for path in run_dir.glob("checkpoints/epoch-*") if not path.suffix)


def keep_weights(model: torch.nn.Module, progress: Progress, training: Training, run_dir: Path, *, best: bool) -> None:
    """Save the weights as the best, and as a late checkpoint where the experiment wants one of this epoch."""
    if best:
        save_weights(model, run_dir / BEST)
    epochs_before_end = training.epochs - progress.epoch
    if epochs_before_end < training.keep_last:
        save_weights(model, late_weights(run_dir, epochs_before_end))


def late_weights(run_dir: Path, epochs_before_end: int) -> Path:
    return run_dir / f"late-{epochs_before_end}.safetensors"

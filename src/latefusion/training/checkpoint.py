"""What a training run leaves while it runs: checkpoints to continue from, and the weights worth keeping.

A checkpoint is a folder `checkpoints/step-<n>/`, written whole or not at all; the two newest stay. It holds the state
of model, optimizer, scheduler and random generators, where the run stands (`progress.json`), and the size and hash of
each of these files (`files.json`).
"""

import hashlib
import json
import logging
import math
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator

from latefusion.config import Training
from latefusion.errors import InputError
from latefusion.files import partial_of, read_json, remove, whole, write_json, write_text
from latefusion.weights import save_weights

logger = logging.getLogger(__name__)
BEST = "best.safetensors"


@dataclass
class Progress:
    """Where a training run stands."""

    epoch: int = 0  # epochs finished
    batch: int = 0  # batches done of the epoch under way
    step: int = 0  # batches done in all
    sums: dict[str, float | torch.Tensor] = field(default_factory=dict)  # of the epoch under way: losses over all items
    items: int = 0  # ... and how many items these are, of all processes
    best_epoch: int = 0
    best_macro_f1: float = -math.inf
    history: list[dict] = field(default_factory=list)  # a record of each finished epoch

    def add_batch(self, losses: dict[str, torch.Tensor], items: int) -> None:
        """Count a batch; `losses` are this process's shares of its mean losses, left on the device."""
        for key, loss in losses.items():
            self.sums[key] = self.sums.get(key, 0.0) + loss * items
        self.items += items
        self.batch += 1
        self.step += 1

    def close_epoch(self, record: dict) -> bool:
        """Add an epoch's record; return whether it is the best so far (without validation the latest always is)."""
        self.epoch += 1
        self.batch, self.items, self.sums = 0, 0, {}
        self.history.append({"epoch": self.epoch, "step": self.step} | record)
        score = record.get("valid_macro_f1")
        better = score is None or score > self.best_macro_f1
        if better:
            self.best_epoch = self.epoch
            self.best_macro_f1 = -math.inf if score is None else score
        return better

    def summed(self, accelerator: Accelerator) -> dict[str, float]:
        """Return `sums` over all processes, which call this together."""
        return {
            key: accelerator.reduce(torch.as_tensor(value, device=accelerator.device), "sum").item()
            for key, value in self.sums.items()
        }


def resume(accelerator: Accelerator, run_dir: Path, name: str) -> Progress:
    """Load the newest checkpoint into what the accelerator prepared, if there is one.

    Raises InputError where it is damaged, naming the file and the older checkpoint.
    """
    found = _checkpoints(run_dir)
    if not found:
        return Progress()
    _refuse_damage(found)
    accelerator.load_state(str(found[-1]))
    progress = Progress(**read_json(found[-1] / "progress.json"))
    if not accelerator.is_main_process:
        progress.sums = dict.fromkeys(progress.sums, 0.0)  # the main process has what all had summed
    logger.info("%s: continues after epoch %d, batch %d of the next", name, progress.epoch, progress.batch)
    return progress


def save_checkpoint(accelerator: Accelerator, progress: Progress, run_dir: Path) -> None:
    """Save everything that the next step needs; called by all processes."""
    final = run_dir / "checkpoints" / f"step-{progress.step:08d}"
    record = asdict(progress) | {"sums": progress.summed(accelerator)}
    with whole(final) if accelerator.is_main_process else nullcontext(partial_of(final)) as partial:
        accelerator.wait_for_everyone()  # the main process has cleared the place
        accelerator.save_state(str(partial))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            write_json(partial / "progress.json", record)
            files = {path.name: _describe(path) for path in sorted(partial.iterdir())}
            write_json(partial / "files.json", files)
            write_text(run_dir / "log.jsonl", "".join(json.dumps(line) + "\n" for line in progress.history))
    if accelerator.is_main_process:
        for old in _checkpoints(run_dir)[:-2]:
            remove(old)


def _checkpoints(run_dir: Path) -> list[Path]:
    """Return the finished checkpoints, oldest first."""
    return sorted(path for path in run_dir.glob("checkpoints/step-*") if not path.suffix)


def _describe(path: Path) -> dict:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "blake2b": hashlib.file_digest(file, "blake2b").hexdigest()[:32]}


def _refuse_damage(checkpoints: list[Path]) -> None:
    *older, newest = checkpoints
    problem = _damage(newest)
    if problem is None:
        return
    sound = next((folder for folder in reversed(older) if _damage(folder) is None), None)
    damaged = [newest, *(folder for folder in older if sound is None or folder > sound)]
    way_out = f"continue from {sound.name}" if sound else "begin this expert anew: no older checkpoint is sound"
    raise InputError(
        f"{newest}: the checkpoint is damaged: {problem}. Remove it and run the same command again to {way_out}:\n"
        f"  rm -r {' '.join(str(folder) for folder in damaged)}"
    )


def _damage(folder: Path) -> str | None:
    try:
        files = read_json(folder / "files.json")
    except (OSError, ValueError) as error:
        return f"files.json cannot be read ({error})"
    for name, described in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != described["bytes"]:
            return f"{name} has {path.stat().st_size:,} of {described['bytes']:,} bytes"
        if _describe(path) != described:
            return f"{name} is not what was written"
    return None


def keep_weights(model: torch.nn.Module, progress: Progress, training: Training, run_dir: Path, *, best: bool) -> None:
    """Save the weights as the best, and as a late checkpoint where the experiment wants one of this epoch."""
    if best:
        save_weights(model, run_dir / BEST)
    epochs_before_end = training.epochs - progress.epoch
    if epochs_before_end < training.keep_last:
        save_weights(model, late_weights(run_dir, epochs_before_end))


def late_weights(run_dir: Path, epochs_before_end: int) -> Path:
    return run_dir / f"late-{epochs_before_end}.safetensors"

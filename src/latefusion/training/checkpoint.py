"""Checkpoints to resume from, and the best and the late weights of a training run.

A checkpoint is a folder `checkpoints/step-<n>/`, written atomically; the two newest are kept. It holds the state of
model, optimizer, scheduler and random generators, the progress of the run (`progress.json`), the validation products'
probabilities (`selection.npz`), and the size and hash of each of these files (`files.json`).
"""

import json
import logging
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import torch
from accelerate import Accelerator

from latefusion.config import Training
from latefusion.metrics.selection import Selection
from latefusion.plan.records import attempt_of, describe_file, missing_or_truncated
from latefusion.training.progress import Progress
from latefusion.utils.errors import InputError
from latefusion.utils.files import atomic_write, partial_of, read_json, remove, write_json, write_text
from latefusion.utils.weights import save_weights

logger = logging.getLogger(__name__)


def resume(accelerator: Accelerator, run_dir: Path, name: str, selection: Selection | None) -> Progress:
    """Load the newest checkpoint, if there is one, into the accelerator's objects and `selection`; return the progress.

    Raises InputError if the checkpoint is damaged; the message names the file and an older checkpoint to continue from.
    """
    found = _checkpoints(run_dir)
    if not found:
        return Progress(precision=accelerator.mixed_precision)
    _refuse_damage(found)
    if accelerator.scaler is not None and not (found[-1] / "scaler.pt").exists():
        raise InputError(
            f"{found[-1]}: the run was started in another precision than fp16: set hardware.mixed_precision back, or "
            f"remove {run_dir} to start again"
        )
    accelerator.load_state(str(found[-1]))
    if selection is not None:
        if not (found[-1] / "selection.npz").exists():
            raise InputError(
                f"{found[-1]}: the checkpoint is of an earlier version; remove {run_dir} to train the expert again"
            )
        selection.load(found[-1] / "selection.npz")
    saved = read_json(found[-1] / "progress.json")
    _refuse_other_run(found[-1], saved.pop("attempt", None), run_dir)
    progress = Progress(**saved)
    if not accelerator.is_main_process:
        # the checkpoint holds the sum over all processes; restore it on rank 0 only
        progress.sums = dict.fromkeys(progress.sums, 0.0)
    if progress.precision not in (None, accelerator.mixed_precision):
        logger.warning(
            "%s: started in precision %s, continues in %s: the weights will differ slightly from a run in one of them",
            name, progress.precision, accelerator.mixed_precision,
        )  # fmt: skip
    progress.precision = accelerator.mixed_precision
    logger.info("%s: continues after epoch %d, batch %d of the next", name, progress.epoch, progress.batch)
    return progress


def save_checkpoint(accelerator: Accelerator, progress: Progress, selection: Selection | None, run_dir: Path) -> None:
    """Save everything that the next step needs; called by all processes."""
    final = run_dir / "checkpoints" / f"step-{progress.step:08d}"
    record = asdict(progress) | {"sums": progress.summed(accelerator), "attempt": attempt_of(run_dir)}
    with atomic_write(final) if accelerator.is_main_process else nullcontext(partial_of(final)) as partial:
        accelerator.wait_for_everyone()  # first the main process removes an older partial folder
        accelerator.save_state(str(partial))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            write_json(partial / "progress.json", record)
            if selection is not None:
                selection.save(partial / "selection.npz")
            for path in partial.iterdir():  # safetensors files are readable by their owner only
                path.chmod((partial / "progress.json").stat().st_mode)
            files = {path.name: describe_file(path) for path in sorted(partial.iterdir())}
            write_json(partial / "files.json", files)
            write_text(run_dir / "log.jsonl", "".join(json.dumps(line) + "\n" for line in progress.history))
    if accelerator.is_main_process:
        for old in _checkpoints(run_dir)[:-2]:
            remove(old)
        _remove_all_but_best(run_dir)


def _refuse_other_run(checkpoint: Path, attempt: str | None, run_dir: Path) -> None:
    """Raise InputError if the checkpoint was written by another run, for example with other settings."""
    if attempt != attempt_of(run_dir):
        raise InputError(
            f"{checkpoint}: the checkpoint was written by another run. Remove the run folder and start again:\n"
            f"  rm -r {run_dir}"
        )


def _checkpoints(run_dir: Path) -> list[Path]:
    """Return the finished checkpoints, oldest first."""
    return sorted(path for path in run_dir.glob("checkpoints/step-*") if not path.suffix)


def _refuse_damage(checkpoints: list[Path]) -> None:
    """Raise InputError if the newest checkpoint is damaged, with the command that removes the damaged ones."""
    *older, newest = checkpoints
    problem = _damage(newest)
    if problem is None:
        return
    intact = next((folder for folder in reversed(older) if _damage(folder) is None), None)
    damaged = [newest, *(folder for folder in older if intact is None or folder > intact)]
    way_out = f"continue from {intact.name}" if intact else "train this expert again: no older checkpoint is intact"
    raise InputError(
        f"{newest}: the checkpoint is damaged: {problem}. Remove it and run the same command again to {way_out}:\n"
        f"  rm -r {' '.join(str(folder) for folder in damaged)}"
    )


def _damage(folder: Path) -> str | None:
    """Return what is wrong with a checkpoint's files; None if size and hash of each are as recorded."""
    try:
        files = read_json(folder / "files.json")
    except (OSError, ValueError) as error:
        return f"files.json cannot be read ({error})"
    changed = (
        f"{name} has changed since it was written" for name in files if describe_file(folder / name) != files[name]
    )
    return missing_or_truncated(folder, files) or next(changed, None)


def keep_weights(model: torch.nn.Module, progress: Progress, training: Training, run_dir: Path, *, best: bool) -> None:
    """Save the weights as the best if `best` is true, and as late weights in the last `training.keep_last` epochs.

    The earlier best weights are kept until the next checkpoint, which names the new ones, is written.
    """
    if best:
        save_weights(model.state_dict(), best_weights(run_dir, progress))
    epochs_before_end = training.epochs - progress.epoch
    if epochs_before_end < training.keep_last:
        save_weights(model.state_dict(), late_weights(run_dir, epochs_before_end))


def best_weights(run_dir: Path, progress: Progress) -> Path:
    return run_dir / _best_name(progress.best_epoch)


def _best_name(epoch: int) -> str:
    return f"best-{epoch:04d}.safetensors"


def _remove_all_but_best(run_dir: Path) -> None:
    """Remove the best weights that neither kept checkpoint names: a run may continue from either of the two."""
    named = {_best_name(read_json(checkpoint / "progress.json")["best_epoch"]) for checkpoint in _checkpoints(run_dir)}
    for path in run_dir.glob("best-*.safetensors"):
        if path.name not in named:
            remove(path)


def late_weights(run_dir: Path, epochs_before_end: int) -> Path:
    return run_dir / f"late-{epochs_before_end}.safetensors"

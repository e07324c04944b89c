"""Trackers of training runs, which show losses and scores as curves: TensorBoard, Weights & Biases, MLflow.

`hardware.trackers` names them; they are those of accelerate. TensorBoard writes to `tensorboard/` in the run folder.
W&B and MLflow get a project (experiment) for each experiment and a run for each network, with the job's settings; a
training run that was interrupted continues its run there. Where W&B and MLflow send their data is said by their own
environment variables (WANDB_MODE, MLFLOW_TRACKING_URI). Only the main process writes.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import yaml
from accelerate import Accelerator
from accelerate.tracking import GeneralTracker, MLflowTracker, TensorBoardTracker, WandBTracker

from latefusion.plan.records import attempt_of
from latefusion.utils.errors import InputError, reported_as
from latefusion.utils.files import write_text

logger = logging.getLogger(__name__)
MLFLOW_RUN = "mlflow_run.txt"  # in the run folder: the id that MLflow gave to the run
WITHOUT = "to train without it, leave it out of hardware.trackers"


@dataclass(frozen=True)
class TrackedRun:
    """A training run, as trackers name it."""

    run_dir: Path
    first_step: int  # the first that it will log: later ones of an interrupted run are repeated

    @property
    def project(self) -> str:
        """The experiment's name."""
        return self._names[0]

    @property
    def name(self) -> str:
        """The run folder in that of the experiment: `experts/resnet_raw`, `denoise/folds/fold-0`."""
        return "/".join(self._names[1:])

    @property
    def _names(self) -> tuple[str, ...]:
        parts = self.run_dir.parts
        return parts[1:] if parts[0] == "weights" and len(parts) > 2 else parts[-2:]

    @property
    def id(self) -> str:
        """A name that this run alone has: the same when it continues, another one when its job begins again."""
        return f"{attempt_of(self.run_dir) or uuid4().hex}-{self.name.replace('/', '-')}"

    def settings(self) -> dict[str, str | int | float | bool]:
        """Return the job's settings, flat: `train.lr`."""
        folders = (self.run_dir, *self.run_dir.parents[:2])
        config = next((folder / "config.yaml" for folder in folders if (folder / "config.yaml").is_file()), None)
        return {} if config is None else flatten(yaml.safe_load(config.read_text(encoding="utf-8")))


def flatten(settings: Mapping, above: str = "") -> dict[str, str | int | float | bool]:
    """Return nested settings as one mapping, its keys joined by dots; lists and None become text."""
    flat: dict[str, str | int | float | bool] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{above}{key}.")
        else:
            flat[f"{above}{key}"] = value if isinstance(value, str | int | float | bool) else str(value)
    return flat


def _tensorboard(run: TrackedRun) -> GeneralTracker:
    return TensorBoardTracker("tensorboard", run.run_dir, purge_step=run.first_step)


def _wandb(run: TrackedRun) -> GeneralTracker:
    run.run_dir.mkdir(parents=True, exist_ok=True)
    return WandBTracker(run.project, name=run.name, id=run.id, resume="allow", dir=str(run.run_dir))


def _mlflow(run: TrackedRun) -> GeneralTracker:
    path = run.run_dir / MLFLOW_RUN
    return MLflowTracker(run.project, run_id=path.read_text() if path.is_file() else None, run_name=run.name)


TRACKERS: dict[str, Callable[[TrackedRun], GeneralTracker]] = {
    "tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow,
}  # fmt: skip


def require_trackers(names: Iterable[str]) -> None:
    """Raise InputError if the package of a tracker is not installed."""
    for name in names:
        if find_spec(name) is None:
            raise InputError(
                f"hardware.trackers: the package {name} is not installed: pip install {name}; or, {WITHOUT}"
            )


def start_trackers(accelerator: Accelerator, names: Iterable[str], run: TrackedRun) -> None:
    """Start the trackers of a training run: `accelerator.log` writes to them. Raises InputError if one cannot start."""
    accelerator.trackers = []
    if not accelerator.is_main_process:
        return
    try:
        for name in names:
            with reported_as(f"hardware.trackers: {name} cannot be started ({WITHOUT})"):
                _start(accelerator, name, run)
    except BaseException:
        finish_trackers(accelerator)
        raise


def _start(accelerator: Accelerator, name: str, run: TrackedRun) -> None:
    if name != "tensorboard":
        logger.info("hardware.trackers: starting %s", name)  # a server that does not answer is asked for minutes
    tracker = TRACKERS[name](run)
    tracker.start()
    accelerator.trackers.append(tracker)
    if name == "tensorboard":
        return  # without the settings, which accelerate would write to a further run; config.yaml has them
    if settings := run.settings():
        tracker.store_init_configuration(settings)
    if name == "mlflow":
        write_text(run.run_dir / MLFLOW_RUN, tracker.tracker.info.run_id)


def log(accelerator: Accelerator, values: Mapping[str, float], step: int) -> None:
    """Write values to all trackers. Raises InputError if one of them fails."""
    with reported_as(f"a tracker failed ({WITHOUT} and run the same command again to continue)"):
        accelerator.log(dict(values), step=step)


def finish_trackers(accelerator: Accelerator) -> None:
    """Close the trackers. Not `accelerator.end_training`, which also leaves the process group that later jobs need."""
    for tracker in accelerator.trackers:
        tracker.finish()
    accelerator.trackers = []

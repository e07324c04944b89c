"""Run AutoGluon MultiModal, with the weights that our default config uses, for compare.py.

It needs other versions of the libraries, so it lives in an environment of its own: the Python of that environment runs
`autogluon_baseline.py`, which gets tables, settings and weights as files.
"""

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from baselines import Clock, Outcome, Seconds

from latefusion.plan.pretrained import find_encoder, find_timm
from latefusion.plan.records import digest, hash_of
from latefusion.utils.errors import InputError
from latefusion.utils.files import atomic_write, read_json, write_json

TEXT_KEY, IMAGE_KEY = "model.hf_text.checkpoint_name", "model.timm_image.checkpoint_name"
CHECKPOINTS = {TEXT_KEY: "sentence-transformers/all-MiniLM-L6-v2", IMAGE_KEY: "tf_efficientnet_lite0.in1k"}
HELPER = Path(__file__).with_name("autogluon_baseline.py")
PACKAGES = ("torch===2.13.0", "torchvision===0.28.0", "autogluon.multimodal==1.6.3")
FIND_VERSION = "from importlib.metadata import version; print(version('autogluon.multimodal'))"
SPIN_LESS = {"GOMP_SPINCOUNT": "10000"}  # as our scripts set it: otherwise a busy machine trains many times slower
LOG_TAIL = 15  # lines of a failed run's log in the report
GRACE = 10  # minutes that AutoGluon has beside its training, and half of the training's limit: to load and predict


@dataclass(frozen=True)
class AutoGluon:
    """How AutoGluon MultiModal is run: the Python of its environment (None: there is none), its limit and settings."""

    python: Path | None
    minutes: float  # limit of its training
    hyperparameters: dict[str, object]  # that differ from its defaults, beside the checkpoints
    command: str  # that made the comparison, without its environment

    def __call__(self, train: pd.DataFrame, test: pd.DataFrame, root: Path, folder: Path, seed: int) -> Outcome:
        """Train and predict, unless `folder` holds the predictions for the same tables, settings and version.

        `root`: the folder that image paths are relative to. A missing environment and a failure are told in the note.
        """
        version = None if self.python is None else installed_version(self.python)
        if self.python is None or version is None:
            return Outcome(note=self._how_to_install())
        columns = _columns(train)
        try:
            write_inputs(train, test, root, folder)
            checkpoints = _checkpoints(folder, with_images="image" in columns)
        except InputError as error:
            return Outcome(note=f"AutoGluon MultiModal was not run: {error}")
        settings = {
            "columns": columns,
            "hyperparameters": checkpoints | self.hyperparameters,
            "time_limit": float(60 * self.minutes),
            "seed": seed,
        }
        write_json(folder / "settings.json", settings)
        key = digest([version, settings, *(hash_of(folder / name) for name in ("train.csv", "test.csv"))])
        return _cached(folder, key, test.index) or self._run(folder, key, test.index)

    def _run(self, folder: Path, key: str, ids: pd.Index) -> Outcome:
        clock, log = Clock(), folder / "log.txt"
        limit = 60 * (1.5 * self.minutes + GRACE)
        for name in ("finished.json", "predictions.csv"):  # in this order: no record may be left of other predictions
            (folder / name).unlink(missing_ok=True)
        status = run_limited([str(self.python), "-I", str(HELPER), str(folder)], log, limit)
        seconds = clock.read()
        if status == 0:
            write_json(folder / "finished.json", {"key": key, "wall": seconds.wall, "cpu": seconds.cpu})
            if (outcome := _cached(folder, key, ids)) is not None:
                return outcome
        how = f"was stopped after {limit / 60:.0f} minutes" if status is None else f"ended with status {status}"
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL:]
        headline = f"AutoGluon MultiModal {how}, without predictions of the test products. The end of {log}:\n"
        return Outcome(note="\n".join([headline, *_indent(tail)]))

    def _how_to_install(self) -> str:
        missing = "" if self.python is None else f" in the environment of {self.python}"
        lines = ["python3 -m venv autogluon", f"autogluon/bin/pip install {' '.join(PACKAGES)}"]
        lines.append(f"{self.command} AUTOGLUON=autogluon/bin/python")
        advice = "It needs an environment of its own (Linux, Python 3.10 to 3.13, 6 GB):"
        return "\n".join([f"AutoGluon MultiModal is not installed{missing}. {advice}\n", *_indent(lines)])


def installed_version(python: Path) -> str | None:
    """Return the version of AutoGluon MultiModal in the environment of a Python; None if it has none."""
    try:
        found = subprocess.run([str(python), "-I", "-c", FIND_VERSION], capture_output=True, text=True)
    except OSError:
        return None
    return found.stdout.strip() if found.returncode == 0 else None


def run_limited(command: Sequence[str], log: Path, limit: float) -> int | None:
    """Run a command with its output in a log and return its exit status, or None if it was stopped after `limit` s.

    Its own processes end with it, also when this one is interrupted.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, env=SPIN_LESS | os.environ
        )
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end_group(process)


def _end_group(process: subprocess.Popen) -> None:
    """End the processes that a command, the leader of its session, has started."""
    with suppress(ProcessLookupError):  # none is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def write_inputs(train: pd.DataFrame, test: pd.DataFrame, root: Path, folder: Path) -> None:
    """Write `train.csv` and `test.csv` with absolute image paths; cells that are missing are empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, products, columns in (("train", train, [*_columns(train), "label"]), ("test", test, [*_columns(train)])):
        images = products["image"].map(lambda path: str(root.resolve() / path), na_action="ignore")
        with atomic_write(folder / f"{name}.csv") as partial:
            products.assign(image=images)[columns].to_csv(partial, index_label="id")


def _columns(train: pd.DataFrame) -> dict[str, str]:
    """Return the columns that hold something, with AutoGluon's names of their types."""
    kinds = {"title": "text", "description": "text", "image": "image_path"}
    return {name: kind for name, kind in kinds.items() if train[name].fillna("").ne("").any()}


def _checkpoints(folder: Path, *, with_images: bool) -> dict[str, object]:
    """Return the hyperparameters that name the weights. Raises InputError if they are nowhere to be found."""
    text = find_encoder(CHECKPOINTS[TEXT_KEY])
    checkpoints: dict[str, object] = {TEXT_KEY: str(Path(text).resolve()) if Path(text).is_dir() else text}
    if with_images:
        checkpoints[IMAGE_KEY] = write_timm_folder(CHECKPOINTS[IMAGE_KEY], folder / "image_weights")
    return checkpoints


def write_timm_folder(model: str, folder: Path) -> str:
    """Write a timm model's weights as AutoGluon reads them, without the classifier, and return the folder's path.

    Returns the model's name if its weights are only on the hub, where timm itself finds them.
    """
    import timm
    import torch
    from safetensors.torch import load_file

    found = find_timm(model)
    if found is None:
        return model
    weights = load_file(found) if found.suffix == ".safetensors" else torch.load(found, weights_only=True)
    network = timm.create_model(model, pretrained=False, num_classes=0)
    network.load_state_dict({name: weights[name] for name in network.state_dict()})
    pretrained = network.pretrained_cfg
    facts = {key: pretrained[key] for key in ("input_size", "mean", "std")}
    folder.mkdir(exist_ok=True)
    with atomic_write(folder / "pytorch_model.bin") as partial:
        torch.save(network.state_dict(), partial)
    write_json(
        folder / "config.json",
        {"architecture": pretrained["architecture"], "num_features": network.num_features, "num_classes": 0} | facts,
    )
    return str(folder.resolve())


def _cached(folder: Path, key: str, ids: pd.Index) -> Outcome | None:
    """Return what an earlier run with the same key left in the folder, or None."""
    try:
        finished = read_json(folder / "finished.json")
        table = pd.read_csv(folder / "predictions.csv", dtype=str, keep_default_na=False, index_col="id")
        if finished["key"] != key or set(table.index) != set(ids):
            return None
        return Outcome(
            table.loc[ids, "label"].to_numpy(), Seconds(finished["wall"], finished["cpu"]), _describe(folder)
        )
    except (OSError, ValueError, KeyError):  # none was made, or it was interrupted
        return None


def _describe(folder: Path) -> str:
    """Return a note on what was run: versions, settings, and whether the training ended by itself."""
    facts, settings = read_json(folder / "facts.json"), read_json(folder / "settings.json")
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    own = [f"{key}={json.dumps(value)}" for key, value in settings["hyperparameters"].items() if key not in CHECKPOINTS]
    weights = [model for key, model in CHECKPOINTS.items() if key in settings["hyperparameters"]]
    minutes, limit = facts["fit_seconds"] / 60, settings["time_limit"] / 60
    was_stopped = facts["fit_seconds"] >= settings["time_limit"]
    stopped = f", when its limit of {limit:.0f} minutes stopped it: with more time it may score higher"
    return (
        f"AutoGluon MultiModal ({versions}; {facts['device']}): weights {' and '.join(weights)}; otherwise its defaults"
        f"{' except ' * bool(own)}{', '.join(own)}. Its training took {minutes:.1f} minutes{stopped * was_stopped}."
    )


def _indent(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]

"""What the notebooks share: the run they look at, its tables and images, and where their figures go.

The run is that of an experiment's config: `configs/sample.yaml`, or the one that the environment variable
LATEFUSION_CONFIG names; LATEFUSION_SET holds what `make submission` was given as SET. A notebook trains nothing and
writes nothing but `weights/<experiment>/figures/<notebook>_<name>.png`.
"""

import os
import shlex
from collections.abc import Sized
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Image, display
from matplotlib.figure import Figure

from latefusion.config import DEFAULT_CONFIG, Experiment, load_experiment
from latefusion.images.store import ImageStore
from latefusion.notebook.plots import STYLE
from latefusion.plan.jobs import DONE
from latefusion.plan.planning import plan
from latefusion.plan.records import verified
from latefusion.scores.results import Results
from latefusion.tables.dataset import Dataset, read_dataset
from latefusion.utils.errors import InputError, StepError
from latefusion.utils.files import atomic_write, read_json

CONFIG, OVERRIDES = "LATEFUSION_CONFIG", "LATEFUSION_SET"


@dataclass(frozen=True)
class Run:
    """A run as a notebook looks at it."""

    notebook: str
    results: Results

    @property
    def experiment(self) -> Experiment:
        return self.results.experiment

    @property
    def dataset(self) -> Dataset:
        return self.results.dataset

    def folder(self, job: str) -> Path:
        return self.experiment.run_root / job

    def scores(self, name: str, split: str | None = None) -> pd.DataFrame:
        """Return a table of `scores/`: the rows of a split, by default the one that methods are compared on."""
        path = self.folder("scores") / f"{name}.csv"
        if not path.is_file():
            raise StepError(f"{path} is not there: run {{step}} first", "vote")
        # A class may be called 1 or NA; an empty cell alone is missing.
        table = pd.read_csv(path, dtype={"class": "str"}, keep_default_na=False, na_values=[""])
        return table[table["split"] == (split or self.results.final_split)].copy()

    def log(self, expert: str) -> pd.DataFrame:
        """Return what an expert's training wrote down, a row for each epoch; empty for one that has no epochs."""
        path = self.experiment.expert_dir(expert) / "log.jsonl"
        return pd.read_json(path, lines=True) if path.is_file() else pd.DataFrame()

    @cached_property
    def images(self) -> ImageStore:
        """The images, from their files: a cache would have to be built."""
        return ImageStore(self.dataset.products, self.experiment.catalogue.root)

    def with_images(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a table (index: id) whose products have an image that lies where it should."""
        names, root = self.dataset.products["image"].reindex(table.index), self.experiment.catalogue.root
        return table[[not pd.isna(name) and (root / name).is_file() for name in names]]

    def duplicates(self) -> dict:
        """Return what preparing found out about near-duplicates."""
        return read_json(verified(self.folder("catalogue"), "duplicates.json"))

    def save(self, figure: Figure, name: str) -> None:
        """Write a figure to `figures/<notebook>_<name>.png`, and show it."""
        path = self.folder("figures") / f"{self.notebook}_{name}.png"
        with atomic_write(path) as partial:
            figure.savefig(partial, format="png")
        plt.close(figure)  # or it is shown twice
        display(Image(path))


def open_run(notebook: str) -> Run:
    """Open the run that the environment names, for a notebook of this name, and go to the folder it lies in.

    That is the folder where the notebook was started, the repository's root, or the one above it, for notebooks/.
    """
    overrides = [word for word in shlex.split(os.environ.get(OVERRIDES, "")) if word != "--set"]
    experiment = _enter(Path(os.environ.get(CONFIG) or DEFAULT_CONFIG), overrides)
    matplotlib.rcParams.update(STYLE)
    undone = [job.name for job in plan(experiment).values() if job.state() != DONE]
    if undone:
        print(f"Not done under the config's settings: {', '.join(undone)}. What can be shown without them is shown.")
    return Run(notebook, Results(experiment, read_dataset(experiment)))


def _enter(config: Path, overrides: list[str]) -> Experiment:
    """Return the config's experiment and go to the folder that holds its run. Raises InputError where there is none."""
    configs = {folder: folder / config for folder in (Path.cwd(), Path.cwd().parent) if (folder / config).is_file()}
    if not configs:
        raise InputError(f"{config}: there is no such config here or one folder above; {CONFIG} names it")
    for folder, file in configs.items():
        experiment = load_experiment(file, overrides)
        if (folder / experiment.run_root / "catalogue" / "classes.json").is_file():
            os.chdir(folder)
            return experiment
    raise InputError(f"{experiment.run_root} holds no run yet: run make submission CONFIG={config} first")


def there_is(what: Sized, otherwise: str) -> bool:
    """Tell whether there is anything to show, and say why not where there is nothing."""
    if not len(what):
        print(f"Nothing to show: {otherwise}.")
    return len(what) > 0

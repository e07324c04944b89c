"""The run that a notebook shows: its tables, logs and images, and the folder of its figures.

Each notebook names the config whose run it shows; the environment variable LATEFUSION_CONFIG names another one.
LATEFUSION_SET has the same overrides as SET of `make submission`. These notebooks train nothing, and write only
`weights/<experiment>/figures/<notebook>_<name>.png`.
"""

import os
import shlex
from collections.abc import Callable, Sized
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Image, display
from matplotlib.figure import Figure

from latefusion.config import Experiment, load_experiment
from latefusion.images.store import ImageStore
from latefusion.notebook.plots import STYLE, shorten, shorten_all, write_png
from latefusion.plan.jobs import done_jobs
from latefusion.plan.planning import plan
from latefusion.plan.records import verified
from latefusion.scores.results import Results
from latefusion.tables.dataset import Dataset, read_dataset
from latefusion.utils.errors import InputError, StepError
from latefusion.utils.files import atomic_write, read_json

CONFIG, OVERRIDES = "LATEFUSION_CONFIG", "LATEFUSION_SET"
UNFINISHED = "Not done with the settings of the config"


@dataclass(frozen=True)
class Run:
    """A run, opened by a notebook."""

    notebook: str
    results: Results

    @property
    def experiment(self) -> Experiment:
        return self.results.experiment

    @property
    def dataset(self) -> Dataset:
        return self.results.dataset

    def folder(self, job: str) -> Path:
        """Return the run folder of a job."""
        return self.experiment.run_root / job

    def scores(self, name: str, split: str | None = None) -> pd.DataFrame:
        """Return the rows of one split of `scores/<name>.csv`; the default split is the one methods are compared on."""
        path = self.folder("scores") / f"{name}.csv"
        if not path.is_file():
            raise StepError(f"{path} does not exist: run {{step}} first", "vote")
        # A class may be called 1 or NA: classes are text, and only an empty cell is a missing value.
        table = pd.read_csv(path, dtype={"class": "str"}, keep_default_na=False, na_values=[""])
        return table[table["split"] == (split or self.results.final_split)].copy()

    def paper_table(self, name: str) -> pd.DataFrame:
        """Return a table of the papers that the step `paper_tables` has written; empty if it has not."""
        path = self.folder("scores") / f"{name}.csv"
        return pd.read_csv(path, dtype={"id": "str"}) if path.is_file() else pd.DataFrame()

    def log(self, expert: str) -> pd.DataFrame:
        """Return an expert's training log, one row per epoch; empty for an expert without epochs."""
        path = self.experiment.expert_dir(expert) / "log.jsonl"
        return pd.read_json(path, lines=True) if path.is_file() else pd.DataFrame()

    def by_label(self, products: pd.DataFrame) -> pd.DataFrame:
        """Return products with a row for each of their labels; those without a label have one row."""
        if not self.dataset.several:
            return products
        return products.assign(label=products["label"].str.split("\n")).explode("label")

    def short_labels(self, width: int) -> Callable[[str], str]:
        """Return a function from a label to at most `width` characters, as no other class is called; not escaped."""
        classes = self.dataset.classes
        short = dict(zip(classes, shorten_all(classes, width), strict=True))
        return lambda label: short.get(label) or shorten(label, width)  # of several labels, those of a product

    @cached_property
    def images(self) -> ImageStore:
        """The product images, read from their files: the image cache may not exist."""
        return ImageStore(self.dataset.products, self.experiment.catalogue.root)

    def with_images(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a table (index: id) whose products have an image file that exists."""
        names, root = self.dataset.products["image"].reindex(table.index), self.experiment.catalogue.root
        return table[[not pd.isna(name) and (root / name).is_file() for name in names]]

    def duplicates(self) -> dict:
        """Return the facts about near-duplicates that the step `prepare` has written."""
        return read_json(verified(self.folder("catalogue"), "duplicates.json"))

    def save(self, figure: Figure, name: str) -> None:
        """Write a figure to `figures/<notebook>_<name>.png` and display it."""
        path = self.folder("figures") / f"{self.notebook}_{name}.png"
        with atomic_write(path) as partial:
            write_png(figure, partial)
        plt.close(figure)  # otherwise it is displayed twice
        display(Image(path))


def open_run(notebook: str, config: str) -> Run:
    """Open a run for the notebook of this name, and print which: that of `config`, or of the environment variables.

    Also changes the working directory to the folder that holds the run: it stays the same in the repository's root, and
    becomes the parent if the notebook was started in notebooks/.
    """
    config = os.environ.get(CONFIG) or config
    overrides = [word for word in shlex.split(os.environ.get(OVERRIDES, "")) if word != "--set"]
    experiment = _open_experiment(Path(config), overrides)
    run = run_of(notebook, experiment)
    n, num_classes = len(run.dataset.products), len(run.dataset.classes)
    print(f"The run {experiment.run_root}, of {config}: {n:,} products, {num_classes} classes.")
    jobs = plan(experiment)
    done = {job.key for job in done_jobs(jobs.values())}
    undone = [job.name for key, job in jobs.items() if key not in done]
    if undone:
        print(f"{UNFINISHED}: {', '.join(undone)}. The other jobs are shown.")
    return run


def run_of(notebook: str, experiment: Experiment) -> Run:
    """Return the run of an experiment in the working directory, and set the style of figures."""
    matplotlib.rcParams.update(STYLE)
    return Run(notebook, Results(experiment, read_dataset(experiment)))


def _open_experiment(config: Path, overrides: list[str]) -> Experiment:
    """Load the config's experiment and change the working directory to the folder that holds its run.

    Raises InputError if there is no run.
    """
    configs = {folder: folder / config for folder in (Path.cwd(), Path.cwd().parent) if (folder / config).is_file()}
    if not configs:
        raise InputError(f"{config}: there is no such config in this folder or its parent; set {CONFIG} to its path")
    for folder, file in configs.items():
        experiment = load_experiment(file, overrides)
        if (folder / experiment.run_root / "catalogue" / "classes.json").is_file():
            os.chdir(folder)
            return experiment
    raise InputError(f"{experiment.run_root} has no run yet: run make submission CONFIG={config} first")


def not_empty(values: Sized, reason: str) -> bool:
    """Return whether there are values to show; if not, print the reason."""
    if not len(values):
        print(f"Nothing to show: {reason}.")
    return len(values) > 0

"""A folder with an experiment's config in it, and the numbered scripts to run there within this process."""

import runpy
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from latefusion.config import Experiment, load_experiment
from latefusion.plan.jobs import Job
from latefusion.plan.planning import plan
from latefusion.plan.records import describe_results
from latefusion.utils.files import read_json, write_json

REPOSITORY = Path(__file__).parents[2]
# From the sample to the validated submission; the later ones compare runs.
SCRIPTS = sorted(path.name for path in (REPOSITORY / "src").glob("[01]*.py") if path.name < "11")


class Workspace:
    """A folder with an experiment's config in it, and the scripts to run there."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.config = folder / "tiny.yaml"

    @property
    def run_root(self) -> Path:
        return self.folder / "weights" / "tiny"

    def write_config(self, config: dict) -> None:
        self.config.write_text(yaml.safe_dump(config))

    def run(self, script: str, *arguments: str) -> None:
        """Run a script of the experiment in this process; a failure raises SystemExit."""
        self.run_script(script, "--config", str(self.config), *arguments)

    def run_script(self, script: str, *arguments: str) -> None:
        """Run a script that needs no experiment, as `run` does."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", [script, *arguments])
            runpy.run_path(str(REPOSITORY / "src" / script), run_name="__main__")

    def run_all(self, *arguments: str) -> None:
        for script in SCRIPTS:
            self.run(script, *arguments)

    def snapshot(self) -> dict[str, bytes]:
        """Everything under weights/ and submissions/, by name."""
        files = [*self.folder.glob("weights/**/*"), *self.folder.glob("submissions/**/*")]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files if path.is_file()}

    def copy(self, folder: Path) -> "Workspace":
        """Return a copy of this workspace in a new folder."""
        return Workspace(Path(shutil.copytree(self.folder, folder)))

    def experiment(self, *overrides: str) -> Experiment:
        """Return the experiment of the config, with `--set` overrides."""
        return load_experiment(self.config, list(overrides))

    def jobs(self, *overrides: str) -> dict[str, Job]:
        """Return the experiment's plan; its paths are relative to the folder, so the caller must be there."""
        return plan(self.experiment(*overrides))

    def read_products(self) -> pd.DataFrame:
        """Return the prepared products."""
        return pd.read_parquet(self.run_root / "catalogue/products.parquet")

    def read_scores(self, name: str = "scores") -> pd.DataFrame:
        """Return one of the score tables."""
        return pd.read_csv(self.run_root / "scores" / f"{name}.csv", dtype={"class": str})


def record_again(run_dir: Path) -> None:
    """Record the files of a run folder as the results of its job."""
    record = read_json(run_dir / "job.json")
    write_json(run_dir / "job.json", record | {"files": describe_results(run_dir)})

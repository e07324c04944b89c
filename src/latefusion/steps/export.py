"""Export the submitted method of an experiment."""

from pathlib import Path

from latefusion.config import Experiment
from latefusion.predictor import export_model
from latefusion.utils.locks import locked


def export(experiment: Experiment, out: Path | None) -> Path:
    """Write the submitted method to a folder, by default `models/<experiment>/`, and return the folder."""
    folder = out or Path("models") / experiment.name
    with locked(folder):
        export_model(experiment, folder)
    return folder

"""The last step: what the vote decided, in the catalogue's own format, under `submissions/<experiment>/`."""

from pathlib import Path

from latefusion.config import Experiment
from latefusion.plan.planning import plan
from latefusion.submission import write_submissions
from latefusion.tables.dataset import read_dataset
from latefusion.tables.predictions import read_predictions
from latefusion.utils.errors import StepError
from latefusion.utils.locks import locked


def predict(experiment: Experiment) -> list[Path]:
    """Write the vote's decisions on all products that are neither train nor valid, and return the files."""
    vote = plan(experiment)["vote"]
    if vote.state() != "done":
        raise StepError("the vote is not done: run {step} first", vote.step)
    dataset = read_dataset(experiment)
    decisions = read_predictions(vote.run_dir, "test", dataset)
    with locked(experiment.submission_dir, wait=True):
        return write_submissions(experiment.catalogue, decisions, experiment.submission_dir, dataset.products["split"])

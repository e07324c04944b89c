"""The last step: what the vote decided, in the catalogue's own format, under `submissions/<experiment>/`."""

from pathlib import Path

from latefusion.config import Experiment
from latefusion.errors import InputError
from latefusion.fusion.decisions import read_decisions
from latefusion.jobs import plan
from latefusion.locks import locked
from latefusion.prepare import load_prepared
from latefusion.submission import write_submissions


def predict(experiment: Experiment) -> list[Path]:
    """Write the vote's decisions on all products that are neither train nor valid, and return the files."""
    vote = plan(experiment)["vote"]
    if vote.state() != "done":
        raise InputError(f"the vote is not done: run src/{vote.script} first")
    prepared = load_prepared(experiment)
    decisions = read_decisions(vote.run_dir, "test", prepared)
    with locked(experiment.submission_dir, wait=True):
        return write_submissions(experiment.catalogue, decisions, experiment.submission_dir, prepared.products["split"])

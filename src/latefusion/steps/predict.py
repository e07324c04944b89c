"""Write the submitted method's predictions to `submissions/<experiment>/`, in the catalogue's own format."""

from pathlib import Path

from latefusion.config import Experiment
from latefusion.plan.jobs import DONE
from latefusion.plan.planning import plan
from latefusion.scores.choice import log_vote_warning
from latefusion.steps.finished import note_predictions
from latefusion.submission import write_submissions
from latefusion.tables.dataset import read_dataset
from latefusion.tables.predictions import read_ranked_predictions, separator_of
from latefusion.utils.errors import StepError
from latefusion.utils.locks import locked


def predict(experiment: Experiment) -> list[Path]:
    """Write the predictions for all products that are neither train nor valid, and return the files' paths."""
    submission = plan(experiment)["submission"]
    if submission.state() != DONE:
        raise StepError("the submission is not done: run {step} first", submission.step)
    dataset = read_dataset(experiment)
    separator = separator_of(dataset.classes, experiment.catalogue.label_separator) if dataset.several else None
    predictions = read_ranked_predictions(submission.run_dir, "test", dataset, separator)
    log_vote_warning(experiment, dataset)
    folder = experiment.submission_dir
    with locked(folder, wait=True):
        splits = dataset.products["split"]
        paths = write_submissions(experiment.catalogue, predictions, folder, splits, separator=separator)
        note_predictions(experiment, submission, paths)
    return paths

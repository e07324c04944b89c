"""Do in one process what `make submission` does by one script after another: for notebooks and small catalogues.

A sample catalogue is not drawn: the step `sample` does.
"""

from latefusion.config import Experiment
from latefusion.plan.runner import ALL
from latefusion.steps.finished import finished_summary
from latefusion.steps.fuse import fuse
from latefusion.steps.predict import predict
from latefusion.steps.prepare import prepare
from latefusion.steps.train import train
from latefusion.steps.vote import vote_and_score

TRAINING = ("text", "denoise", "image", "dcl", "joint")


def run_everything(experiment: Experiment) -> str:
    """Run all jobs that are not done, score them, write the predictions, and return the summary.

    Raises InputError as the scripts do. Run it again after an interruption: it continues.
    """
    prepare(experiment, ALL)
    for step in TRAINING:
        train(experiment, step, ALL)
    fuse(experiment, ALL)
    vote_and_score(experiment, ALL)
    predict(experiment)
    return finished_summary(experiment)[0]

"""Compute the policies' majority vote, choose and calibrate the submission, and score every method."""

from functools import cache, partial

from latefusion.config import Experiment
from latefusion.fusion.vote import vote
from latefusion.plan.planning import Selection, plan
from latefusion.plan.runner import run_jobs
from latefusion.predictor.drift import drift_section
from latefusion.report import report_page
from latefusion.scores.cards import experiment_card
from latefusion.scores.submitted import submit
from latefusion.scores.write import write_scores
from latefusion.steps.scripts import SCRIPTS
from latefusion.steps.summary import write_summary
from latefusion.tables.dataset import read_dataset

WORK = {"vote": vote, "submission": submit}  # by the kind of the job


def vote_and_score(experiment: Experiment, selection: Selection) -> str:
    """Run the jobs of the vote and the submission that are not done, score all jobs that are, and return a summary."""
    dataset = cache(partial(read_dataset, experiment))
    run_jobs(
        plan(experiment), "vote", lambda job: WORK[job.kind](experiment, dataset(), job), selection,
        script=SCRIPTS["vote"],
    )  # fmt: skip
    write_scores(experiment, dataset(), more=drift_section, page=report_page, card=experiment_card)
    return write_summary(experiment, dataset())

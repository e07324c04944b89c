"""Compute the policies' majority vote, and score every expert, policy and vote."""

from functools import cache, partial

from latefusion.config import Experiment
from latefusion.fusion.vote import vote
from latefusion.plan.planning import Selection, plan
from latefusion.plan.runner import run_jobs
from latefusion.scores import write_scores
from latefusion.steps.scripts import SCRIPTS
from latefusion.tables.dataset import read_dataset


def vote_and_score(experiment: Experiment, selection: Selection) -> str:
    """Run the vote's job if it is not done, and return the score table of all jobs that are done."""
    dataset = cache(partial(read_dataset, experiment))
    run_jobs(
        plan(experiment), "vote", lambda job: vote(experiment, dataset(), job), selection, script=SCRIPTS["vote"]
    )  # fmt: skip
    return write_scores(experiment, dataset())

"""Train the policies on the experts' probabilities of validation products, or cross-fitted of all labelled ones."""

from functools import cache
from typing import TYPE_CHECKING

from latefusion.config import Experiment
from latefusion.fusion.training import PolicyTrainer
from latefusion.plan.jobs import Job, done_jobs
from latefusion.plan.planning import Selection, jobs_of, plan, to_do
from latefusion.plan.records import results_digest
from latefusion.plan.runner import run_jobs
from latefusion.steps.scripts import SCRIPTS
from latefusion.tables.dataset import read_dataset
from latefusion.utils.environment import run_environment

if TYPE_CHECKING:
    from latefusion.experts.context import Context


def fuse(experiment: Experiment, selection: Selection) -> None:
    """Run the jobs of the selected policies."""
    jobs = plan(experiment)
    trainers: dict[tuple, PolicyTrainer] = {}

    @cache
    def context() -> "Context":
        from latefusion.experts.context import Context  # imports accelerate

        return Context(experiment)

    def environment(job: Job) -> dict:
        own_network = experiment.policies[job.name].own_network
        return run_environment(None if own_network is None else context().accelerator)

    def train(job: Job) -> None:
        """Train a policy, together with all pending ones; train them again if the results of an expert have changed."""
        inputs = tuple(results_digest(experiment.expert_dir(expert)) for expert in experiment.experts)
        if inputs not in trainers:
            pending = [job.name for job in to_do(jobs_of(jobs, "fuse", selection), selection) if _has_its_needs(job)]
            trainers[inputs] = PolicyTrainer(experiment, read_dataset(experiment), pending, context)
        trainers[inputs].train(job)

    run_jobs(jobs, "fuse", train, selection, script=SCRIPTS["fuse"], environment=environment)


def _has_its_needs(job: Job) -> bool:
    return len(done_jobs(job.needs)) == len(job.needs)

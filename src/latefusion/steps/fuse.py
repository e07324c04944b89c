"""Train the policies on the experts' probabilities of validation products, or cross-fitted of all labelled ones."""

from latefusion.config import Experiment
from latefusion.fusion.training import PolicyTrainer
from latefusion.plan.jobs import Job, done_jobs
from latefusion.plan.planning import Selection, jobs_of, plan, to_do
from latefusion.plan.records import results_digest
from latefusion.plan.runner import run_jobs
from latefusion.steps.scripts import SCRIPTS
from latefusion.tables.dataset import read_dataset


def fuse(experiment: Experiment, selection: Selection) -> None:
    """Run the jobs of the selected policies."""
    jobs = plan(experiment)
    trainers: dict[tuple, PolicyTrainer] = {}

    def train(job: Job) -> None:
        """Train a policy, together with all pending ones; train them again if the results of an expert have changed."""
        inputs = tuple(results_digest(experiment.expert_dir(expert)) for expert in experiment.experts)
        if inputs not in trainers:
            pending = [job.name for job in to_do(jobs_of(jobs, "fuse", selection), selection) if _has_its_needs(job)]
            trainers[inputs] = PolicyTrainer(experiment, read_dataset(experiment), pending)
        trainers[inputs].train(job)

    run_jobs(jobs, "fuse", train, selection, script=SCRIPTS["fuse"])


def _has_its_needs(job: Job) -> bool:
    return len(done_jobs(job.needs)) == len(job.needs)

"""What the training scripts (02 to 05b) call: the jobs of a script that are not done yet, one after another."""

import logging
from functools import partial

from latefusion.config import Experiment
from latefusion.dataset.checks import check_learners
from latefusion.plan.dependencies import pretrained_models, started_by
from latefusion.plan.jobs import Job, jobs_of, plan
from latefusion.plan.pretrained import find_encoder, find_timm
from latefusion.plan.runner import Processes, run_jobs
from latefusion.tables.dataset import read_dataset
from latefusion.utils.environment import run_environment
from latefusion.utils.errors import InputError

logger = logging.getLogger(__name__)


def train(experiment: Experiment, script: str, only: str | None) -> None:
    """Train what a numbered script trains and is not done yet.

    Raises InputError, before anything is trained, where pretrained weights are missing or a network cannot be built.
    """
    jobs = plan(experiment)
    if all(job.state() == "done" for job in jobs_of(jobs, script, only)):
        logger.info("src/%s: nothing to do", script)
        return
    # What is missing or cannot be built is said before the first network trains, not after a week of the others.
    to_do = {name: job for name, job in jobs.items() if only in (None, name) and job.state() != "done"}
    _require_weights(experiment, to_do)
    if jobs["catalogue"].state() == "done":
        check_learners(read_dataset(experiment).products, experiment)
    from latefusion.experts.context import Context
    from latefusion.experts.trial import check_networks  # imports torch

    check_networks(experiment, to_do)
    context = Context(experiment)
    accelerator = context.accelerator
    run_jobs(
        jobs, script, partial(_do, context), only,
        processes=_processes(accelerator),
        environment=lambda job: run_environment(None if job.kind == "tfidf" else accelerator),  # it has no network
    )  # fmt: skip


def _processes(accelerator) -> Processes:
    from accelerate.utils import broadcast_object_list

    return Processes(
        is_main=accelerator.is_main_process,
        barrier=accelerator.wait_for_everyone,
        share=lambda value: broadcast_object_list([value])[0],
    )


def preview_images(experiment: Experiment, script: str, only: str | None) -> None:
    """Draw what the image experts of a numbered script are to see: `weights/<experiment>/previews/<expert>.png`."""
    jobs = plan(experiment)
    if jobs["catalogue"].state() != "done":
        raise InputError("there are no pictures yet: run src/01_prepare.py first")
    from latefusion.experts.context import Context
    from latefusion.experts.image.preview import write_preview

    context = Context(experiment)
    for job in jobs_of(jobs, script, only):
        if job.kind != "late":
            logger.info("%s: %s", job.name, write_preview(context, job.name))


def _require_weights(experiment: Experiment, jobs: dict[str, Job]) -> None:
    finders = {}
    for job in jobs.values():
        for expert in _started_by(experiment, job):
            find = find_encoder if expert.kind == "transformer" else find_timm
            finders |= dict.fromkeys(pretrained_models([expert]), find)
    problems = []
    for model, find in finders.items():
        try:
            find(model)
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))


def _started_by(experiment: Experiment, job: Job) -> list:
    """Return the experts whose networks a job starts anew."""
    if job.kind == "denoise":
        return [experiment.denoise.network]
    return started_by(experiment, job.name) if job.name in experiment.experts else []


def _do(context, job: Job) -> None:
    if job.kind == "tfidf":
        from latefusion.experts.text.tfidf import train_tfidf

        if context.accelerator.is_main_process:
            train_tfidf(context, job.name)
    elif job.kind == "denoise":
        from latefusion.denoise.fold_networks import denoise

        denoise(context)
    else:
        from latefusion.experts.training import predict_late, train_network

        predict_late(context, job.name) if job.kind == "late" else train_network(context, job.name)

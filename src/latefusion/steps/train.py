"""The work of the training scripts (02 to 06): run those jobs of a step that are not done yet, one after another."""

import logging
from typing import TYPE_CHECKING

from latefusion.config import Experiment, ExpertConfig
from latefusion.experts.kinds import EXPERTS
from latefusion.plan.jobs import DONE, Job
from latefusion.plan.planning import Selection, jobs_of, plan, started_networks, to_do
from latefusion.plan.runner import Processes, run_jobs
from latefusion.steps.scripts import SCRIPTS
from latefusion.tables.checks import check_trainable
from latefusion.tables.dataset import read_dataset
from latefusion.utils.environment import run_environment
from latefusion.utils.errors import InputError, StepError

if TYPE_CHECKING:
    from latefusion.experts.context import Context

logger = logging.getLogger(__name__)


def train(experiment: Experiment, step: str, selection: Selection) -> None:
    """Run the selected jobs of a training step that are not done yet.

    Raises InputError, before anything is trained, if pretrained weights are missing or a network cannot be built.
    """
    jobs = plan(experiment)
    selected = jobs_of(jobs, step, selection)
    if not to_do(selected, selection):
        logger.info("src/%s: nothing to do", SCRIPTS[step])
        return
    # Check the jobs of all steps, so that missing weights and invalid networks are reported before days of training.
    named = [job for job in jobs.values() if selection.name is None or job.has_name(selection.name)]
    pending = to_do(named, selection)
    _require_weights(experiment, pending)
    if jobs["catalogue"].state() == DONE:
        check_trainable(read_dataset(experiment), experiment)
    from latefusion.experts.checks import check_networks  # imports torch
    from latefusion.experts.context import Context
    from latefusion.training.trackers import require_trackers

    require_trackers(experiment.hardware.trackers)
    check_networks(experiment, pending)
    context = Context(experiment)
    run_jobs(
        jobs, step, lambda job: _train(context, job), selection,
        script=SCRIPTS[step],
        processes=_processes(context.accelerator),
        environment=lambda job: run_environment(context.accelerator if _uses_accelerator(job) else None),
    )  # fmt: skip


def preview_images(experiment: Experiment, step: str, selection: Selection) -> None:
    """Draw training images as the experts of a step read them: `weights/<experiment>/previews/<expert>.png`."""
    jobs = plan(experiment)
    if jobs["catalogue"].state() != DONE:
        raise StepError("the images are not prepared: run {step} first", jobs["catalogue"].step)
    from latefusion.experts.context import Context
    from latefusion.experts.image.preview import write_preview

    context = Context(experiment)
    for expert in dict.fromkeys(job.run_dir.name for job in jobs_of(jobs, step, selection)):
        path = write_preview(context, expert)
        if path is not None:
            logger.info("%s: %s", expert, path)


def _require_weights(experiment: Experiment, jobs: list[Job]) -> None:
    """Raise one InputError that lists all missing pretrained weights and all unknown names of models."""
    starting: dict[str, tuple[str, ExpertConfig]] = {}  # the first expert that starts from each model, with its key
    for key, expert in started_networks(experiment, jobs).items():
        if expert.pretrained_model is not None:
            starting.setdefault(expert.pretrained_model, (key, expert))
    problems = []
    for model, (key, expert) in starting.items():
        try:
            EXPERTS[expert.kind].require("find_weights")(model)
        except InputError as error:
            problems.append(f"{key}: {error}")
    if problems:
        raise InputError("\n".join(problems))


def _train(context: "Context", job: Job) -> None:
    if job.held_out is not None:
        context = context.of_fold(*job.held_out)
    if job.kind == "folds":
        from latefusion.experts.folds import join_folds

        join_folds(context, job.name)
    elif job.expert is not None:
        EXPERTS[job.kind].require("train")(context, job.expert, context.experiment.experts[job.expert])
    elif job.kind == "denoise":
        from latefusion.denoise.fold_networks import denoise

        denoise(context)
    else:
        raise ValueError(f"{job.key} is not a job of a training script")


def _uses_accelerator(job: Job) -> bool:
    if job.expert is None:
        return job.kind == "denoise"
    return EXPERTS[job.kind].uses_accelerator


def _processes(accelerator) -> Processes:
    from accelerate.utils import broadcast_object_list

    return Processes(
        is_main=accelerator.is_main_process,
        barrier=accelerator.wait_for_everyone,
        broadcast=lambda value: broadcast_object_list([value])[0],
    )

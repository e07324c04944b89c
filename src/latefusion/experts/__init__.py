"""Experts turn products into class probabilities. Each leaves its run folder, `weights/<experiment>/<expert>/`:

`config.yaml`, `job.json`, the weights, `log.jsonl` (networks), `metrics.json`, `valid_probs.parquet` and
`test_probs.parquet` (held-out and unlabelled test products alike).
"""

import logging
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path

from latefusion.config import Experiment
from latefusion.errors import InputError
from latefusion.jobs import Job, jobs_of, plan, run_jobs
from latefusion.prepare import Prepared, load_prepared

logger = logging.getLogger(__name__)


class Workshop:
    """What the experts of one script share: the experiment, its prepared products and pictures, the accelerator."""

    def __init__(self, experiment: Experiment):
        from latefusion.training.loop import make_accelerator

        self.experiment = experiment
        self.accelerator = make_accelerator(experiment.hardware)

    @cached_property
    def prepared(self) -> Prepared:
        return load_prepared(self.experiment)

    @cached_property
    def images(self):
        from latefusion.images import open_images

        with self.accelerator.main_process_first():
            return open_images(
                self.prepared.products,
                self.prepared.image_root,
                self.experiment.run_root / "cache",
                self.experiment.image_cache,
            )

    def run_dir(self, expert: str) -> Path:
        return self.experiment.run_root / expert


def train_experts(experiment: Experiment, script: str, only: str | None) -> None:
    """Train the experts of a numbered script that are not done yet.

    Raises InputError, before anything is trained, where pretrained weights are missing.
    """
    _run(experiment, script, only, _train)


def find_label_issues(experiment: Experiment, script: str, only: str | None) -> None:
    """Run the denoising of the experiment, if it has one."""
    _run(experiment, script, only, _denoise)


def _run(experiment: Experiment, script: str, only: str | None, work: Callable[[Workshop, Job], None]) -> None:
    jobs = plan(experiment)
    if all(job.state() == "done" for job in jobs_of(jobs, script, only)):
        logger.info("src/%s: nothing to do", script)
        return
    # A missing model is said before the first network trains, not after a week of the others.
    _require_weights(experiment, jobs if only is None else {only: jobs[only]})
    workshop = Workshop(experiment)
    accelerator = workshop.accelerator
    run_jobs(
        jobs, script, partial(work, workshop), only,
        is_main=accelerator.is_main_process, barrier=accelerator.wait_for_everyone,
    )  # fmt: skip


def _require_weights(experiment: Experiment, jobs: dict[str, Job]) -> None:
    from latefusion.pretrained import find_encoder, find_timm

    finders = {}
    for job in (job for job in jobs.values() if job.state() != "done"):
        expert = experiment.denoise.network if job.kind == "denoise" else experiment.experts.get(job.name)
        if job.kind == "transformer" and expert.model is not None:
            finders[expert.model] = find_encoder
        if job.kind in ("cnn", "denoise") and expert.pretrained:
            finders[expert.model] = find_timm
    problems = []
    for model, find in finders.items():
        try:
            find(model)
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))


def _denoise(workshop: Workshop, job: Job) -> None:
    from latefusion.denoise import denoise

    denoise(workshop)


def _train(workshop: Workshop, job: Job) -> None:
    if job.kind == "tfidf":
        from latefusion.experts.tfidf import train_tfidf

        if workshop.accelerator.is_main_process:
            train_tfidf(workshop, job.name)
        return
    from latefusion.experts.network import predict_late, train_network

    predict_late(workshop, job.name) if job.kind == "late" else train_network(workshop, job.name)

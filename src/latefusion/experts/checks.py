"""Check networks before the first one trains: what cannot be built is reported in seconds, not after days of training.

Each is built once on torch's meta device and reads one image of its size. Encoders are checked without their weights,
if their files are on this machine.
"""

import logging
import os
from collections.abc import Iterable

import torch

from latefusion.config import Experiment, Training
from latefusion.experts.kinds import EXPERTS
from latefusion.experts.meta import NeedsNumbers
from latefusion.plan.jobs import Job
from latefusion.plan.planning import started_networks
from latefusion.training.batches import sharing_problem
from latefusion.utils.errors import InputError, list_problems

logger = logging.getLogger(__name__)


def check_networks(experiment: Experiment, jobs: Iterable[Job]) -> None:
    """Check the networks that jobs start anew, and the batches that they train on.

    Raises one InputError that lists all networks that cannot be built or cannot read their inputs, and all batches
    that cannot be shared out.
    """
    jobs = list(jobs)
    problems = _hardware_problems(experiment) + _batch_problems(experiment, jobs)
    backbones: dict[str, torch.nn.Module] = {}  # many experts share one
    for key, expert in started_networks(experiment, jobs).items():
        check = EXPERTS[expert.kind].function("check")
        if check is None:
            continue
        try:
            check(experiment, expert, backbones)
        except NeedsNumbers as error:
            logger.info("%s is not checked before its training: %s", key, error)
        except InputError as error:
            problems.append(f"{key}: {error}")
    if problems:
        raise list_problems("these cannot be trained as they are:", problems, "change the config; nothing was trained")


def _hardware_problems(experiment: Experiment) -> list[str]:
    if experiment.hardware.mixed_precision == "fp16" and not torch.cuda.is_available():
        return ["hardware.mixed_precision: fp16 needs a GPU, and there is none; take auto"]
    return []


def _batch_problems(experiment: Experiment, jobs: list[Job]) -> list[str]:
    """Return a line for each batch that cannot be shared out among processes and accumulation steps."""
    n_processes = int(os.environ.get("WORLD_SIZE", "1"))
    sections: dict[str, Training | None] = {
        f"experts.{job.expert}": experiment.experts[job.expert].training for job in jobs if job.expert is not None
    }
    if any(job.kind == "denoise" for job in jobs):
        sections["denoise.network"] = experiment.denoise.network.train
    trained = {key: training for key, training in sections.items() if training is not None}
    problems = {key: sharing_problem(training, n_processes) for key, training in trained.items()}
    return [f"{key}.{problem}" for key, problem in problems.items() if problem is not None]

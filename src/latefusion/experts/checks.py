"""Check all networks before the first one is trained: invalid settings are reported in seconds, not after days.

Each network is built once on torch's meta device; image networks also read one image of their input size. Text encoders
are checked without their weights, if their files are on this machine.
"""

import logging
import os
from collections.abc import Iterable

import torch

from latefusion.config import Experiment, Training
from latefusion.experts.kinds import EXPERTS
from latefusion.experts.meta import NeedsRealTensors
from latefusion.plan.jobs import Job
from latefusion.plan.planning import started_networks
from latefusion.training.batches import batch_size_problem
from latefusion.utils.errors import InputError, list_problems

logger = logging.getLogger(__name__)


def check_networks(experiment: Experiment, jobs: Iterable[Job]) -> None:
    """Check the networks that the jobs start to train, and their batch sizes.

    Raises one InputError that lists every network that cannot be built or cannot read its inputs, and every batch size
    that is too small for the numbers of processes and accumulation steps.
    """
    jobs = list(jobs)
    problems = _hardware_problems(experiment) + _batch_problems(experiment, jobs)
    backbones: dict[str, torch.nn.Module] = {}  # shared by the experts with the same backbone
    for key, expert in started_networks(experiment, jobs).items():
        check = EXPERTS[expert.kind].function("check")
        if check is None:
            continue
        try:
            check(experiment, expert, backbones)
        except NeedsRealTensors as error:
            logger.info("%s is not checked before its training: %s", key, error)
        except InputError as error:
            problems.append(f"{key}: {error}")
    if problems:
        raise list_problems("invalid experts:", problems, "Change the config. Nothing was trained.")


def _hardware_problems(experiment: Experiment) -> list[str]:
    if experiment.hardware.mixed_precision == "fp16" and not torch.cuda.is_available():
        return ["hardware.mixed_precision: fp16 needs a GPU, and there is none; use auto"]
    return []


def _batch_problems(experiment: Experiment, jobs: list[Job]) -> list[str]:
    """Return one line per `train` section with a batch size that is too small; see `batch_size_problem`."""
    n_processes = int(os.environ.get("WORLD_SIZE", "1"))
    sections: dict[str, Training | None] = {
        f"experts.{job.expert}": experiment.experts[job.expert].training for job in jobs if job.expert is not None
    }
    if any(job.kind == "denoise" for job in jobs):
        sections["denoise.network"] = experiment.require_denoise().network.train
    trained = {key: training for key, training in sections.items() if training is not None}
    problems = {key: batch_size_problem(training, n_processes) for key, training in trained.items()}
    return [f"{key}.{problem}" for key, problem in problems.items() if problem is not None]

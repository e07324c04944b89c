"""Run the jobs of a step that are not done yet: each under a lock, by one or several processes, with a record."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from latefusion.plan.jobs import DONE, Job
from latefusion.plan.planning import Selection, jobs_of
from latefusion.plan.records import remove_temporary
from latefusion.utils.environment import run_environment
from latefusion.utils.errors import StepError
from latefusion.utils.locks import locked

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Processes:
    """How the processes that run a script together are synchronised; the default is a single process."""

    is_main: bool = True
    barrier: Callable[[], None] = lambda: None  # wait for all processes
    broadcast: Callable[[Any], Any] = lambda value: value  # return the main process's value in all processes


SINGLE_PROCESS = Processes()
ALL = Selection()


def run_jobs(
    jobs: dict[str, Job],
    step: str,
    work: Callable[[Job], None],
    selection: Selection = ALL,
    *,
    script: str,
    processes: Processes = SINGLE_PROCESS,
    environment: Callable[[Job], dict] = lambda job: run_environment(),
) -> None:
    """Run the selected jobs of a step in the plan's order; `environment` and `script` go into each job's record.

    Several processes call this together: every process runs the job; only rank 0 decides which jobs are done and
    writes job.json. Raises InputError if no job of the step has the selected name, a needed job is not done, or another
    script is already running a job.
    """
    for job in jobs_of(jobs, step, selection):
        if not selection.redo and _is_done(job, processes):
            logger.info("%s: already done, with these settings", job.name)
            if processes.is_main:
                remove_temporary(job.run_dir)  # the run may have been killed before it removed them
            continue
        _require_needs(job)
        with ExitStack() as stack:
            if processes.is_main:
                stack.enter_context(locked(job.run_dir))
            if not selection.redo and _is_done(job, processes):  # the previous holder of the lock has done it
                continue
            if processes.is_main:
                job.begin(script, redo=selection.redo)
            processes.barrier()
            work(job)
            processes.barrier()
            if processes.is_main:
                job.finish(environment(job))
                remove_temporary(job.run_dir)  # not earlier: an interrupted run needs them to continue
                logger.info("%s: done, in %s", job.name, job.run_dir)
            processes.barrier()


def _is_done(job: Job, processes: Processes) -> bool:
    return processes.broadcast(job.state() == DONE if processes.is_main else None)


def _require_needs(job: Job) -> None:
    for need in job.needs:
        state, reason = need.status(job.reads)
        if state != DONE:
            because = f" ({reason})" if reason else ""
            raise StepError(f"{job.name} needs {need.name}, which is not done{because}: run {{step}} first", need.step)

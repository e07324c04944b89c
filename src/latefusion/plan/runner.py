"""Do the jobs of a step that are not done yet: under a lock, together with other processes, and recorded."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from latefusion.plan.jobs import DONE, Job
from latefusion.plan.planning import Selection, jobs_of
from latefusion.plan.records import remove_temporary
from latefusion.utils.environment import run_environment
from latefusion.utils.errors import StepError
from latefusion.utils.locks import locked

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Processes:
    """How the processes that run a script together keep in step; by default there is one."""

    is_main: bool = True
    barrier: Callable[[], None] = lambda: None
    share: Callable[[object], object] = lambda value: value  # all get the main process's


ALONE = Processes()
ALL = Selection()


def run_jobs(
    jobs: dict[str, Job],
    step: str,
    work: Callable[[Job], None],
    selection: Selection = ALL,
    *,
    script: str,
    processes: Processes = ALONE,
    environment: Callable[[Job], dict] = lambda job: run_environment(),
) -> None:
    """Do the selected jobs of a step in the plan's order; each one's `environment` and `script` are recorded with it.

    Several processes call this together: all work, the main one alone decides what is done and keeps the records.
    Raises InputError where no job of the step has the selected name, a job that is needed is not done, or another
    process works on a job.
    """
    for job in jobs_of(jobs, step, selection):
        if not selection.redo and _is_done(job, processes):
            logger.info("%s: done already, under these settings", job.name)
            if processes.is_main:
                remove_temporary(job.run_dir)  # a process may have been killed before it could
            continue
        _require_needs(job)
        with ExitStack() as stack:
            if processes.is_main:
                stack.enter_context(locked(job.run_dir))
            if not selection.redo and _is_done(job, processes):  # by the process that held the lock until now
                continue
            if processes.is_main:
                job.begin(script, redo=selection.redo)
            processes.barrier()
            work(job)
            processes.barrier()
            if processes.is_main:
                job.finish(environment(job))
                remove_temporary(job.run_dir)  # not before: until then a cut run needs them to continue
                logger.info("%s: done, in %s", job.name, job.run_dir)
            processes.barrier()


def _is_done(job: Job, processes: Processes) -> bool:
    return processes.share(job.state() == DONE if processes.is_main else None)


def _require_needs(job: Job) -> None:
    for need in job.needs:
        state, reason = need.status(job.reads)
        if state != DONE:
            because = f" ({reason})" if reason else ""
            raise StepError(f"{job.name} needs {need.name}, which is not done{because}: run {{step}} first", need.step)

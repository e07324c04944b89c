"""Run the jobs of a step that are not done yet: each under a lock, by one or several processes, with a record."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from latefusion.plan.jobs import BEGUN, DONE, Job
from latefusion.plan.planning import Selection, jobs_of
from latefusion.plan.progress import JobProgress, Overview, work_of
from latefusion.plan.records import remove_temporary
from latefusion.utils.environment import run_environment
from latefusion.utils.errors import InputError, StepError
from latefusion.utils.locks import holder_of, locked
from latefusion.utils.progress import duration, reporting

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
    selected = jobs_of(jobs, step, selection)
    overview = Overview(jobs)
    for job in selected:
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
            progress = overview.begin(job)
            logger.info("%s: begins; %s", progress.title, progress.left())
            if processes.is_main:
                job.begin(script, redo=selection.redo)
            processes.barrier()
            with reporting(progress), _timed(job, progress, is_main=processes.is_main):
                work(job)
                processes.barrier()
            if processes.is_main:
                seconds = progress.seconds()
                job.finish(environment(job), {"seconds": seconds, "work": work_of(job)})
                remove_temporary(job.run_dir)  # not earlier: an interrupted run needs them to continue
                logger.info("%s: done in %s, in %s", progress.title, duration(seconds), job.run_dir)
            processes.barrier()


@contextmanager
def _timed(job: Job, progress: JobProgress, *, is_main: bool) -> Iterator[None]:
    """If the body is interrupted or fails, add its time to the job's record."""
    try:
        yield
    except BaseException:
        if is_main:
            with suppress(OSError):  # a full disk is the error to tell
                job.add_seconds(progress.seconds())
        raise


def _is_done(job: Job, processes: Processes) -> bool:
    return processes.broadcast(job.state() == DONE if processes.is_main else None)


def _require_needs(job: Job) -> None:
    for need in job.needs:
        state, reason = need.status(job.reads)
        if state == BEGUN and (holder := holder_of(need.run_dir)) is not None:
            raise InputError(
                f"{job.name} needs {need.name}, which {holder} is doing: wait until it is done, then run the same "
                "command again"
            )
        if state != DONE:
            because = f" ({reason})" if reason else ""
            raise StepError(f"{job.name} needs {need.name}, which is not done{because}: run {{step}} first", need.step)

"""Which of how many jobs runs, how far it is, and when all will be done, as estimated from earlier runs.

The record of a finished job has its time (`seconds`) and its work: epochs times products. The time of a job that is not
done is estimated from those of finished jobs, of this experiment and of others in the same folder: of the same settings
if there are any, otherwise of the same name, otherwise of the same kind; per work. What was never timed is unknown, and
counted. A stage of a job whose speed is known, such as the features of a network, is a lower bound for the job.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from latefusion.plan.jobs import Job, done_jobs
from latefusion.plan.records import NAME, read_record
from latefusion.utils.nearest import plural
from latefusion.utils.progress import ENOUGH, duration

ORDER = ("prepare", "text", "denoise", "image", "dcl", "joint", "fuse", "vote")  # of the steps: that of their scripts
OTHER_EXPERIMENTS = 5  # whose times are read: the latest


@dataclass(frozen=True)
class Timed:
    """The time that a finished job took."""

    fingerprint: str
    name: str  # without its fold
    kind: str  # `Job.timed_as`
    work: float  # epochs times products
    seconds: float

    def seconds_for(self, work: float) -> float:
        return self.seconds * work / self.work


class Overview:
    """All jobs of an experiment in the order in which the scripts run them, and what is known of their times."""

    def __init__(self, jobs: dict[str, Job]):
        self.jobs = sorted(jobs.values(), key=lambda job: ORDER.index(job.step))
        self.run_root = self.jobs[0].run_dir.parents[len(Path(self.jobs[0].key).parts) - 1]
        self.timed_elsewhere = [timed for root in _other_experiments(self.run_root) for timed in read_times(root)]
        self.timed: list[Timed] = []

    def begin(self, job: Job) -> "JobProgress":
        """Return the progress of a job that begins now."""
        self.timed = [*read_times(self.run_root), *self.timed_elsewhere]
        done = {one.key for one in done_jobs(self.jobs)}
        others = [self.estimate(one) for one in self.jobs if one.key not in done and one.key != job.key]
        return JobProgress(
            label=f"{self.number(job)}/{len(self.jobs)}",
            title=f"job {self.number(job)} of {len(self.jobs)}: {job.key}",
            expected=self.estimate(job),
            others=sum(seconds for seconds in others if seconds is not None),
            n_unknown=others.count(None),
        )

    def number(self, job: Job) -> int:
        """Return the number of a job among all, from 1."""
        return 1 + [one.key for one in self.jobs].index(job.key)

    def estimate(self, job: Job) -> float | None:
        """Return the seconds that a job takes from its start, None if nothing like it was timed."""
        work = work_of(job)
        for alike in (
            lambda timed: timed.fingerprint == job.fingerprint,
            lambda timed: (timed.kind, timed.name) == (job.timed_as, job.run_dir.name),
            lambda timed: timed.kind == job.timed_as,
        ):
            found = [timed.seconds_for(work) for timed in self.timed if alike(timed)]
            if found:
                return median(found)
        return None


@dataclass
class JobProgress:
    """How far a running job is (`utils.progress.Reporter`)."""

    label: str
    title: str
    expected: float | None  # seconds from its start
    others: float  # seconds of the other jobs that are not done, as far as they are known
    n_unknown: int  # other jobs whose time is unknown

    def __post_init__(self) -> None:
        self.started = self.said = time.monotonic()
        self.first: float | None = None  # the share that was done before, by an interrupted run
        self.share = 0.0

    def seconds(self) -> float:
        """Return the time since the job began or continued."""
        return time.monotonic() - self.started

    def advance(self, share: float) -> None:
        self.first = share if self.first is None else self.first
        self.share = share

    def seconds_left(self) -> float | None:
        """Return how long the job still takes: by its own speed, before that by earlier runs; None if unknown.

        It is unknown too if the job takes longer than was expected, by a second.
        """
        elapsed = self.seconds()
        if self.first is not None and self.share - self.first >= ENOUGH:
            return elapsed * (1 - self.share) / (self.share - self.first)
        if self.expected is None:
            return None
        left = self.expected * (1 - (self.first or 0)) - elapsed
        return max(left, 0.0) if left > -1 else None

    def left(self, stage: float = 0) -> str:
        return f"{self._own_left(stage)}; {self.left_in_all(stage, clock=True)}"

    def left_in_all(self, stage: float = 0, *, clock: bool = False) -> str:
        if not self.others and not self.n_unknown:
            return "no other job is left"
        own = self.seconds_left()
        known, n_untimed = self.others + max(own or 0, stage), self.n_unknown + (own is None and self.expected is None)
        if n_untimed and known < 1:
            return f"all jobs: not known, {plural(n_untimed, 'was', 'were')} never timed"
        about = f"{duration(known)} more{_until(known) if clock else ''}"
        if own is not None and not n_untimed:
            return f"all jobs: about {about} (estimated)"
        untimed = f"; {plural(n_untimed, 'of them was', 'of them were')} never timed" if n_untimed else ""
        return f"all jobs: at least {about}{untimed}"

    def _own_left(self, stage: float) -> str:
        own = self.seconds_left()
        if own is not None:
            return f"about {duration(max(own, stage))} more"
        if stage:
            return f"at least {duration(stage)} more"
        if self.expected is None:
            return "its time is not known, it was never timed"
        return f"it takes longer than the {duration(self.expected)} that were expected"


def _until(seconds: float) -> str:
    """Return the time of day when so many seconds will have passed, rounded up to a minute."""
    until = datetime.now() + timedelta(seconds=seconds + 59)
    return f", until {until:%H:%M}" if seconds < 20 * 3600 else f", until {until:%a %H:%M}"


def work_of(job: Job) -> float:
    """Return a job's work, which its time is about proportional to: epochs times products."""
    of_folds = job.settings.get("network_settings") or (job.settings["network"] if job.kind == "denoise" else None)
    training = (of_folds or job.settings).get("train") or {}
    epochs = training.get("epochs", 1) * (job.settings["n_folds"] if of_folds else 1)
    return epochs * (job.catalogue.n_products() or 1)


def seconds_of(job: Job) -> float | None:
    """Return the time that a job took when it was last done in its run folder; None if it is not known."""
    timed = next(iter(_times_of(read_record(job.run_dir), job.run_dir.name)), None)
    return None if timed is None else timed.seconds


def read_times(run_root: Path) -> Iterable[Timed]:
    """Yield the times of the jobs of an experiment, those that were done last."""
    for pattern in ("*", "experts/*", "policies/*", "folds/*/denoise", "folds/*/experts/*"):
        for path in sorted(run_root.glob(f"{pattern}/{NAME}")):
            yield from _times_of(read_record(path.parent), path.parent.name)


def _other_experiments(run_root: Path) -> list[Path]:
    """Return the run roots of the latest experiments in the same folder."""
    catalogues = [path for path in run_root.parent.glob("*/catalogue") if path.parent != run_root]
    catalogues.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.parent for path in catalogues[:OTHER_EXPERIMENTS]]


def _times_of(record: dict, name: str) -> Iterable[Timed]:
    for timed in (record.get("timed"), record.get("timed_before")):
        if not isinstance(timed, dict):
            continue
        try:
            found = Timed(timed["fingerprint"], name, timed["kind"], float(timed["work"]), float(timed["seconds"]))
        except (TypeError, KeyError, ValueError):  # damaged
            continue
        if found.work > 0:
            yield found
            break  # the latest

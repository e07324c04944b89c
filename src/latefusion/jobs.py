"""The plan: every job of an experiment, what it needs, where it writes, and whether it is done.

A job's fingerprint is the hash of its own settings and of the fingerprints of all it needs, down to the contents of
the catalogue's tables. So a changed setting redoes the job and what depends on it, and nothing else. Each run folder
holds a `job.json` with the fingerprint it was begun under, the runs of the jobs it was built on, and its own run once
that is finished.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from latefusion.config import Experiment
from latefusion.config.nearest import did_you_mean
from latefusion.errors import InputError
from latefusion.files import read_json, remove, write_json, write_yaml
from latefusion.needs import expert_needs, expert_settings, in_order

logger = logging.getLogger(__name__)

SCRIPTS = {
    "catalogue": "01_prepare.py",
    "transformer": "02_train_text.py",
    "tfidf": "02_train_text.py",
    "denoise": "03_denoise.py",
    "cnn": "04_train_image.py",
    "dcl": "05_train_dcl.py",
    "joint": "05b_train_joint.py",
    "policy": "06_fuse.py",
    "vote": "07_vote.py",
}


@dataclass(frozen=True)
class Job:
    """One unit of work and the folder it leaves."""

    name: str
    kind: str
    script: str
    needs: tuple["Job", ...]
    run_dir: Path
    settings: dict
    fingerprint: str

    def state(self) -> str:
        """Return `done`, `begun` (under these very settings, on what the needed jobs hold now) or `to do`."""
        record = self._record()
        if record.get("fingerprint") != self.fingerprint or record["inputs"] != self._inputs():
            return "to do"
        if any(need.state() != "done" for need in self.needs):
            return "to do"
        return "done" if record["run"] else "begun"

    def begin(self) -> None:
        """Make the run folder ready: kept where this very job was cut, emptied where its settings have changed."""
        if self.state() == "begun":
            logger.info("%s: continues in %s", self.name, self.run_dir)
            return
        remove(self.run_dir / "job.json")  # first: a folder that was half emptied must not look done
        remove(self.run_dir)
        write_yaml(self.run_dir / "config.yaml", self.settings)
        self._mark(run=None)

    def finish(self) -> None:
        self._mark(run=uuid4().hex)

    def _mark(self, run: str | None) -> None:
        record = {"fingerprint": self.fingerprint, "inputs": self._inputs(), "run": run}
        write_json(self.run_dir / "job.json", record)

    def _record(self) -> dict:
        return _read_record(self.run_dir)

    def _inputs(self) -> dict[str, str | None]:
        """The finished run of each needed job: one that was done again makes what was built on it stale."""
        return {need.name: finished_run(need.run_dir) for need in self.needs}


def finished_run(run_dir: Path) -> str | None:
    """Return which run left a folder as it is, if one has finished: a job that is done again has another."""
    return _read_record(run_dir).get("run")


def _read_record(run_dir: Path) -> dict:
    marker = run_dir / "job.json"
    return read_json(marker) if marker.exists() else {}


def plan(experiment: Experiment) -> dict[str, Job]:
    """Return all jobs by name, each after the jobs it needs."""
    jobs: dict[str, Job] = {}

    def add(name: str, kind: str, settings: dict, needs: tuple[str, ...]) -> None:
        below = tuple(jobs[need] for need in needs)
        digest = hashlib.sha256(
            json.dumps([kind, settings, [job.fingerprint for job in below]], sort_keys=True).encode()
        ).hexdigest()[:16]
        script = SCRIPTS.get(kind) or below[0].script  # a late checkpoint is its parent's by-product
        jobs[name] = Job(name, kind, script, below, experiment.run_root / name, settings, digest)

    add("catalogue", "catalogue", _catalogue_settings(experiment), ())
    if experiment.denoise is not None:
        settings = experiment.denoise.model_dump(mode="json") | {"image_cache": experiment.cache_side}
        add("denoise", "denoise", settings, ("catalogue",))
    for name in in_order(experiment):
        kind = experiment.experts[name].kind
        add(name, kind, expert_settings(experiment, name), expert_needs(experiment, name))
    for name, policy in experiment.policies.items():
        labels = ("denoise",) if experiment.cleans_valid else ()
        add(name, "policy", policy.model_dump(mode="json"), (*policy.experts, *labels))
    add("vote", "vote", {"members": experiment.vote_members}, experiment.vote_members)
    return jobs


def _catalogue_settings(experiment: Experiment) -> dict:
    """The catalogue's settings, with a hash of each table: a changed file counts as a changed setting."""
    from latefusion.catalogue import table_files

    settings = experiment.model_dump(mode="json", include={"sample", "catalogue", "split"})
    del settings["catalogue"]["test_labels"]  # read at scoring only
    del settings["catalogue"]["root"]  # what lies there counts, not where it lies: data may move to another machine
    tables = table_files(experiment.catalogue)
    settings["tables"] = {str(path.relative_to(experiment.catalogue.root)): _hash_file(path) for path in tables}
    return settings


def _hash_file(path: Path) -> str:
    if not path.is_file():
        return "missing"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def run_jobs(
    jobs: dict[str, Job],
    script: str,
    work: Callable[[Job], None],
    only: str | None = None,
    *,
    is_main: bool = True,
    barrier: Callable[[], None] = lambda: None,
) -> None:
    """Do the script's jobs that are not done yet, in the plan's order.

    Several processes call this together: all work, the main one alone keeps the books, `barrier` keeps them in step.
    Raises InputError where `only` names no job of the script, or a needed job is not done.
    """
    for job in jobs_of(jobs, script, only):
        done = job.state() == "done"
        if done:
            logger.info("%s: done already, under these settings", job.name)
        barrier()  # all have read the state before the main process changes it
        if done:
            continue
        for need in job.needs:
            if need.state() != "done":
                raise InputError(f"{job.name} needs {need.name}, which is not done: run src/{need.script} first")
        if is_main:
            job.begin()
        barrier()
        work(job)
        barrier()
        if is_main:
            job.finish()
            logger.info("%s: done, in %s", job.name, job.run_dir)
        barrier()


def jobs_of(jobs: dict[str, Job], script: str, only: str | None = None) -> list[Job]:
    """Return the jobs of a script, or the one that `only` names."""
    mine = {name: job for name, job in jobs.items() if job.script == script}
    if only is None:
        return list(mine.values())
    if only in mine:
        return [mine[only]]
    if only in jobs:
        raise InputError(f"--only {only}: that is a job of src/{jobs[only].script}")
    raise InputError(f"--only {only}: src/{script} has no such job{did_you_mean(only, mine)}")


def describe(jobs: dict[str, Job]) -> str:
    """Return the plan as a table: job, kind, state, script, needs."""
    rows = [("job", "kind", "state", "script", "needs")]
    rows += [
        (job.name, job.kind, job.state(), job.script, ", ".join(need.name for need in job.needs))
        for job in jobs.values()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]).rstrip()
        for row in rows
    )

"""Say what an experiment needs and does: the jobs of the plan, their pretrained weights, the data (`--list`)."""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from latefusion.config import Experiment
from latefusion.plan.jobs import BEGUN, Job, Known
from latefusion.plan.progress import ORDER, seconds_of
from latefusion.steps.scripts import SCRIPTS
from latefusion.utils.locks import Holder, holder_of

logger = logging.getLogger(__name__)
RUNNING = "running"
VERSION = 1  # of the JSON form: a field that is added leaves it, one that is renamed or removed does not


def describe(jobs: dict[str, Job]) -> str:
    """Return a table with a line per job: name, kind, state, why it is not done, script, the jobs that it needs."""
    rows = [("job", "kind", "state", "why", "script", "needs")]
    for job, state, reason, holder in _states(jobs):
        rows.append(
            (job.name, job.kind, state, str(holder) if holder else reason, SCRIPTS[job.step], _names(job.needs))
        )
    return _align(rows)


def as_json(experiment: Experiment, jobs: dict[str, Job]) -> str:
    """Return the jobs as a JSON object, for programs; docs/running.md describes its fields."""
    states = {job.key: (state, reason, holder) for job, state, reason, holder in _states(jobs)}
    ordered = sorted(jobs.values(), key=lambda job: ORDER.index(job.step))
    described = [
        {
            "key": job.key,
            "name": job.name,
            "kind": job.kind,
            "script": f"src/{SCRIPTS[job.step]}",
            "state": states[job.key][0],
            "why": states[job.key][1],
            "needs": [need.key for need in job.needs],
            "running": asdict(holder) if (holder := states[job.key][2]) else None,
            "seconds": seconds_of(job),
            "run_dir": str(job.run_dir),
        }
        for job in ordered
    ]
    content = {"version": VERSION, "experiment": experiment.name, "jobs": described}
    return json.dumps(content, indent=2, ensure_ascii=False)


def _states(jobs: dict[str, Job]) -> Iterator[tuple[Job, str, str, Holder | None]]:
    """Yield each job, its state, why it is not done, and the process that is running it."""
    known: Known = {}
    for job in jobs.values():
        state, reason = job.status(known=known)
        holder = holder_of(job.run_dir) if state == BEGUN else None
        yield (job, state, reason, None) if holder is None else (job, RUNNING, "", holder)


def describe_weights(experiment: Experiment, jobs: dict[str, Job]) -> str:
    """Return a table with a line per pretrained model: the jobs that start from it, and where it is or how to get it.

    Empty if no job starts from pretrained weights.
    """
    rows = _weights(experiment, jobs)
    return _align([("pretrained weights", "needed by", "where"), *rows]) if rows else ""


def warn_of_absent_weights(experiment: Experiment, jobs: dict[str, Job]) -> None:
    """Log which pretrained weights are not on this machine, and how to get them: training asks for them much later."""
    from latefusion.plan.pretrained import ABSENT

    for model, names, where in _weights(experiment, jobs):
        if where.startswith(ABSENT):
            logger.warning("pretrained weights %s, which %s will need: %s", model, names, where)


def describe_data(experiment: Experiment) -> str:
    """Return what is missing of the data before the first script can run; empty if nothing is."""
    root = experiment.catalogue.root
    if root.is_dir() or experiment.sample is not None:
        return ""
    return f"there is no folder {root} (catalogue.root): put the tables and images of the catalogue there"


def _weights(experiment: Experiment, jobs: dict[str, Job]) -> list[tuple[str, str, str]]:
    """Return a row per pretrained model: its name, the jobs that start from it, and where it is."""
    needed_by: dict[str, list[Job]] = {}
    for job in jobs.values():
        for model in job.models:
            needed_by.setdefault(model, []).append(job)
    if not needed_by:
        return []
    from latefusion.plan.pretrained import describe_location  # imports the hub's client

    hub_names = _hub_names(experiment)
    return [
        (model, _names(starting), describe_location(model, hub_names[model])) for model, starting in needed_by.items()
    ]


def _names(jobs: Iterable[Job]) -> str:
    """Return the names of jobs; of several folds of an expert, the first and the last."""
    folds: dict[str, list[str]] = {}
    for job in jobs:
        folds.setdefault(job.run_dir.name, []).append(job.name)
    return ", ".join(names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}" for names in folds.values())


def _hub_names(experiment: Experiment) -> dict[str, str | None]:
    """Return the names on the Hugging Face hub of the pretrained models."""
    networks = [*experiment.experts.values(), *([experiment.denoise.network] if experiment.denoise else [])]
    return {network.pretrained_model: network.hub_name for network in networks if network.pretrained_model is not None}


def _align(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as lines, all columns but the last padded to the same width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)), row[-1]]).rstrip()
        for row in rows
    )

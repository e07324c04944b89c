"""The plan: every job of an experiment, what it needs, where it writes, and whether it is done.

A job is made by its settings (their hash is its fingerprint) and by its inputs: what the jobs that it needs have left,
the products, the pretrained weights. Where any of these has changed it is to do again, and nothing else is. Inputs are
compared by content: a job that is done again and leaves the same as before makes nothing stale. So a repaired image
redoes the image experts, and no text expert.

Each run folder holds a record, `job.json` (see `records`). It is written when the job begins, so that only this very
job is continued in the folder, and completed when the job ends.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from latefusion.config import CatalogueConfig, Experiment
from latefusion.plan.dependencies import (
    expert_needs,
    expert_settings,
    in_order,
    pretrained_models,
    reads_images,
    started_by,
)
from latefusion.plan.records import describe_results, digest, finished_run, hash_of, missing_or_cut, read_record, sound
from latefusion.utils.errors import InputError
from latefusion.utils.files import flush, read_json, remove, write_json, write_yaml
from latefusion.utils.nearest import did_you_mean

logger = logging.getLogger(__name__)

SCRIPTS = {
    "catalogue": "01_prepare.py",
    "transformer": "02_train_text.py",
    "tfidf": "02_train_text.py",
    "denoise": "03_denoise.py",
    "cnn": "04_train_image.py",
    "dcl": "05_train_dcl.py",
    "joint": "06_train_joint.py",
    "policy": "07_fuse.py",
    "vote": "08_vote.py",
}
DONE, BEGUN, TO_DO = "done", "begun", "to do"


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
    catalogue: "Catalogue"
    reads: str = "products"  # of the catalogue: `products` alone, or `images` too
    models: tuple[str, ...] = ()  # names of the pretrained weights that it starts from

    def state(self) -> str:
        """Return `done`, `begun` (by these very settings and inputs) or `to do`."""
        return self.status()[0]

    def status(self, reads: str = "images") -> tuple[str, str]:
        """Return the state, and why the job is not done; nothing where it has never begun.

        To who reads `products` alone, a catalogue is done although images have changed since.
        """
        record = read_record(self.run_dir)
        if not record:
            return TO_DO, ""
        if reason := self._is_stale(record, reads):
            return TO_DO, reason
        if not record["run"]:
            return BEGUN, "cut before its end"
        problem = missing_or_cut(self.run_dir, record["files"])
        return (TO_DO, problem) if problem else (DONE, "")

    def _is_stale(self, record: dict, reads: str) -> str:
        """Return what has changed since the record was begun, nothing if nothing has."""
        if record["fingerprint"] != self.fingerprint:
            return "its settings have changed"
        for need in self.needs:
            if need.status(self.reads)[0] != DONE:
                return f"{need.name} is not done"
        if self.kind == "catalogue":
            return self.catalogue.changed_images() if reads == "images" else ""
        inputs = self._inputs()
        if record["inputs"] != inputs:
            changed = sorted(name for name in inputs if record["inputs"].get(name) != inputs[name])
            return f"{', '.join(changed) or 'what it needs'} has changed"
        weights = record.get("pretrained", {})
        changed = [model for model in self.models if _has_changed(model, weights.get(model))]
        return f"the pretrained weights of {', '.join(changed)} have changed" if changed else ""

    def _inputs(self) -> dict[str, str | None]:
        """Return what the job reads, by content: of the catalogue its part, of other jobs all they left."""
        if self.kind == "catalogue":
            return {}
        runs = {need.name: finished_run(need.run_dir) for need in self.needs if need.kind != "catalogue"}
        return {"catalogue": self.catalogue.contents().get(self.reads)} | runs

    def begin(self) -> None:
        """Make the run folder ready: kept where this very job was cut, emptied where anything has changed."""
        state, reason = self.status()
        if state == BEGUN:
            logger.info("%s: continues in %s", self.name, self.run_dir)
            return
        if reason:
            logger.info("%s: is done anew: %s", self.name, reason)
        remove(self.run_dir / "job.json")  # first: a folder that was half emptied must not look done
        remove(self.run_dir)
        write_yaml(self.run_dir / "config.yaml", self.settings)
        record = {"fingerprint": self.fingerprint, "script": self.script, "inputs": self._inputs()}
        if self.models:
            record["pretrained"] = {model: _describe_model(model) for model in self.models}
        self._write(record | {"attempt": uuid4().hex, "run": None, "files": {}})

    def finish(self, environment: dict | None = None) -> None:
        """Record what the job left, and by what machine and software; its inputs stay those that it began with."""
        flush(self.run_dir)  # a record must not outlive what it tells of
        record, files = read_record(self.run_dir), describe_results(self.run_dir)
        if self.models:  # what the hub gave was not here at the beginning
            weights = record.get("pretrained", {})
            record["pretrained"] = {model: weights.get(model) or _describe_model(model) for model in self.models}
        self._write(record | {"run": digest(files), "files": files, "environment": environment or {}})
        if self.state() != DONE:
            logger.warning("%s: %s while it was made, so it is to do again", self.name, self.status()[1])

    def _write(self, record: dict) -> None:
        write_json(self.run_dir / "job.json", record)
        if self.kind == "catalogue":
            self.catalogue.forget()


@dataclass
class Catalogue:
    """What the catalogue job left, as far as the planner asks: contents by name, and whether images have changed."""

    run_dir: Path
    config: CatalogueConfig
    _changed: str | None = field(default=None, repr=False)

    def contents(self) -> dict[str, str]:
        """Return hashes of what experts read: `products`, and `images` (with the products)."""
        if not (self.run_dir / "contents.json").is_file():
            return {}
        return read_json(sound(self.run_dir, "contents.json"))

    def changed_images(self) -> str:
        """Return what has changed of the images since the catalogue was prepared; looked up once in a process."""
        if self._changed is None:
            self._changed = self._look_for_changes()
        return self._changed

    def _look_for_changes(self) -> str:
        if not (self.run_dir / "images.parquet").is_file():
            return ""
        import pandas as pd

        from latefusion.images.files import changed_images, find_images, stat_files

        recorded = pd.read_parquet(sound(self.run_dir, "images.parquet"))
        named = find_images(self.config, recorded.index.to_series())  # a missing one may have come, one folder down
        changed = changed_images(self.config.root, named, recorded)
        if len(changed) == len(recorded) > 0 and not stat_files(self.config.root, named):
            logger.warning("%s: no image of the catalogue is there; taken to be as they were", self.config.root)
            return ""
        return f"{len(changed)} images have changed, {changed[0]} the first" if changed else ""

    def forget(self) -> None:
        self._changed = None


def plan(experiment: Experiment) -> dict[str, Job]:
    """Return all jobs by name, each after the jobs it needs."""
    jobs: dict[str, Job] = {}
    catalogue = Catalogue(experiment.run_root / "catalogue", experiment.catalogue)

    def add(name: str, kind: str, settings: dict, needs: tuple[str, ...], **inputs) -> None:
        below = tuple(jobs[need] for need in needs)
        # The catalogue's settings count by what they make of the products, which the inputs tell.
        fingerprint = digest([kind, settings, [job.fingerprint for job in below if job.kind != "catalogue"]])[:16]
        script = SCRIPTS.get(kind) or below[0].script  # a late checkpoint is its parent's by-product
        jobs[name] = Job(
            name, kind, script, below, experiment.run_root / name, settings, fingerprint, catalogue, **inputs
        )

    add("catalogue", "catalogue", _catalogue_settings(experiment), ())
    if experiment.denoise is not None:
        settings = experiment.denoise.model_dump(mode="json") | {"image_cache": experiment.cache_side}
        models = pretrained_models([experiment.denoise.network])
        add("denoise", "denoise", settings, ("catalogue",), reads="images", models=models)
    for name in in_order(experiment):
        add(
            name, experiment.experts[name].kind, expert_settings(experiment, name), expert_needs(experiment, name),
            reads="images" if reads_images(experiment, name) else "products",
            models=pretrained_models(started_by(experiment, name)),
        )  # fmt: skip
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
    root = experiment.catalogue.root
    settings["tables"] = {
        str(path.relative_to(root) if path.is_relative_to(root) else path): _hash_table(path)
        for path in table_files(experiment.catalogue)
    }
    return settings


def _hash_table(path: Path) -> str:
    return hash_of(path) if path.is_file() else "missing"


def _describe_model(model: str) -> dict | None:
    from latefusion.plan.pretrained import describe_files  # imports the hub's client

    return describe_files(model)


def _has_changed(model: str, recorded: dict | None) -> bool:
    from latefusion.plan.pretrained import have_changed

    return have_changed(model, recorded)


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
    """Return the plan as a table: job, kind, state, why it is not done, script, needs."""
    rows = [("job", "kind", "state", "why", "script", "needs")]
    for job in jobs.values():
        state, reason = job.status()
        rows.append((job.name, job.kind, state, reason, job.script, ", ".join(need.name for need in job.needs)))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]]).rstrip()
        for row in rows
    )

"""Jobs: the units of work of an experiment, each with a run folder, and whether they are done.

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

from latefusion.config import CatalogueConfig
from latefusion.plan.records import describe_results, digest, finished_run, missing_or_cut, read_record, verified
from latefusion.utils.files import flush, read_json, remove, write_json, write_yaml

logger = logging.getLogger(__name__)

DONE, BEGUN, TO_DO = "done", "begun", "to do"


@dataclass(frozen=True)
class Job:
    """One unit of work and the folder it leaves."""

    key: str  # its run folder below weights/<experiment>/, such as `experts/tfidf`
    kind: str
    step: str  # that does it, see `steps.scripts`
    needs: tuple["Job", ...]
    run_dir: Path
    settings: dict
    fingerprint: str
    catalogue: "CatalogueState"
    reads: str = "products"  # of the catalogue: `products` alone, or `images` too
    models: tuple[str, ...] = ()  # names of the pretrained weights that it starts from

    @property
    def name(self) -> str:
        return self.run_dir.name

    @property
    def expert(self) -> str | None:
        """The name of the expert whose job this is, if it is one's."""
        return self.name if self.key == f"experts/{self.name}" else None

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
        runs = {need.key: finished_run(need.run_dir) for need in self.needs if need.kind != "catalogue"}
        return {"catalogue": self.catalogue.contents().get(self.reads)} | runs

    def begin(self, script: str, *, redo: bool = False) -> None:
        """Make the run folder ready: kept where this very job was cut, emptied where anything has changed, or to redo.

        `script` is recorded, for advice on how to make the job's files again.
        """
        state, reason = self.status()
        if state == BEGUN and not redo:
            logger.info("%s: continues in %s", self.name, self.run_dir)
            return
        if reason:
            logger.info("%s: is done anew: %s", self.name, reason)
        remove(self.run_dir / "job.json")  # first: a folder that was half emptied must not look done
        remove(self.run_dir)
        write_yaml(self.run_dir / "config.yaml", self.settings)
        record = {"fingerprint": self.fingerprint, "script": script, "inputs": self._inputs()}
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
class CatalogueState:
    """What the catalogue job left, as far as the planner asks: contents by name, and whether images have changed."""

    run_dir: Path
    config: CatalogueConfig
    _changed: str | None = field(default=None, repr=False)

    def contents(self) -> dict[str, str]:
        """Return hashes of what experts read: `products`, and `images` (with the products)."""
        if not (self.run_dir / "contents.json").is_file():
            return {}
        return read_json(verified(self.run_dir, "contents.json"))

    def changed_images(self) -> str:
        """Return what has changed of the images since the catalogue was prepared; looked up once in a process."""
        if self._changed is None:
            self._changed = self._look_for_changes()
        return self._changed

    def _look_for_changes(self) -> str:
        if not (self.run_dir / "images.parquet").is_file():
            return ""
        import pandas as pd

        from latefusion.catalogue import find_images
        from latefusion.images.files import changed_images, stat_files

        recorded = pd.read_parquet(verified(self.run_dir, "images.parquet"))
        named = find_images(self.config, recorded.index.to_series())  # a missing one may have come, one folder down
        changed = changed_images(self.config.root, named, recorded)
        if len(changed) == len(recorded) > 0 and not stat_files(self.config.root, named):
            logger.warning("%s: no image of the catalogue is there; taken to be as they were", self.config.root)
            return ""
        return f"{len(changed)} images have changed, {changed[0]} the first" if changed else ""

    def forget(self) -> None:
        self._changed = None


def _describe_model(model: str) -> dict | None:
    from latefusion.plan.pretrained import describe_files  # imports the hub's client

    return describe_files(model)


def _has_changed(model: str, recorded: dict | None) -> bool:
    from latefusion.plan.pretrained import have_changed

    return have_changed(model, recorded)

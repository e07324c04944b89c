"""Jobs: the units of work of an experiment, each with a run folder, and their state (done, begun, to do).

A job's results depend on its settings (their hash is the fingerprint) and on its inputs: the results of the jobs that
it needs, the products, the pretrained weights. If any of these has changed, the job is stale and must be repeated.
Inputs are compared by content: a repeated job that writes the same results as before makes no other job stale. For
example, after an image is repaired the image experts are trained again, but no text expert.

Each run folder holds a record, `job.json` (see `records`). It is written when the job begins, so that only a job with
the same settings and inputs continues in the folder, and it is completed when the job ends.
"""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

import yaml

from latefusion.config import CatalogueConfig
from latefusion.config.experiment import fold_name
from latefusion.plan.records import (
    describe_results,
    digest,
    missing_or_truncated,
    read_record,
    results_digest,
    verified,
)
from latefusion.utils.files import flush, read_json, remove, write_json, write_yaml
from latefusion.utils.nearest import plural

logger = logging.getLogger(__name__)

SHOWN = 3  # inputs that a reason names
DONE, BEGUN, TO_DO = "done", "begun", "to do"
Known: TypeAlias = dict[tuple[str, str], tuple[str, str]]  # the status of jobs, by key and `reads` (see `Job.status`)


@dataclass(frozen=True)
class Job:
    """One unit of work, with its run folder."""

    key: str  # its run folder below weights/<experiment>/, such as `experts/tfidf` or `folds/0/experts/tfidf`
    kind: str  # `catalogue`, `denoise`, `policy`, `vote`, an expert's kind, or `folds` (joins the folds of an expert)
    step: str  # the step that does it, see `steps.scripts`
    needs: tuple["Job", ...]  # the jobs that must be done before
    run_dir: Path
    settings: dict  # written to its config.yaml
    fingerprint: str  # hash of the settings and of the fingerprints of `needs`
    catalogue: "CatalogueState"
    reads: str = "products"  # of the catalogue: `products` (the table only) or `images` (table and image files)
    models: tuple[str, ...] = ()  # names of the pretrained weights that it starts from
    held_out: tuple[int, ...] | None = None  # the folds of a cross-fitted experiment's view; see `Experiment.of_fold`

    @property
    def name(self) -> str:
        """The name that selects the job (`--only`): that of its run folder, and its fold, as in `tfidf/fold-0`."""
        return self.run_dir.name if self.held_out is None else f"{self.run_dir.name}/fold-{fold_name(self.held_out)}"

    def has_name(self, name: str) -> bool:
        """Return whether a name selects this job: its own name, or that of the expert of which it is a fold."""
        return name in (self.name, self.run_dir.name)

    @property
    def expert(self) -> str | None:
        """The name of the expert that this job trains; None for jobs of other kinds."""
        return self.run_dir.name if self.run_dir.parent.name == "experts" and self.kind != "folds" else None

    @property
    def timed_as(self) -> str:
        """What this job is alike when times are estimated: jobs of its kind; of policies, those of the same kind."""
        return f"policy {self.settings['kind']}" if self.kind == "policy" else self.kind

    def state(self) -> str:
        """Return `done`, `begun` (interrupted, with the same settings and inputs) or `to do`."""
        return self.status()[0]

    def status(self, reads: str = "images", known: "Known | None" = None) -> tuple[str, str]:
        """Return the state, and the reason why the job is not done (empty if it is done or has never begun).

        `reads` is for the catalogue's job: with `products`, it counts as done even if images have changed since.
        `known`: what other calls have found, which is used and added to. Without it every job that this one needs, also
        by way of others, is looked at, each once.
        """
        known = {} if known is None else known
        if (self.key, reads) not in known:
            known[self.key, reads] = self._find_status(reads, known)
        return known[self.key, reads]

    def _find_status(self, reads: str, known: "Known") -> tuple[str, str]:
        record = read_record(self.run_dir)
        if not record:
            return TO_DO, ""
        if reason := self._stale_reason(record, reads, known):
            return TO_DO, reason
        if not record["run"]:
            return BEGUN, "interrupted before its end"
        problem = missing_or_truncated(self.run_dir, record["files"])
        return (TO_DO, problem) if problem else (DONE, "")

    def _stale_reason(self, record: dict, reads: str, known: "Known") -> str:
        """Return what has changed since the job began, as a text; empty if nothing has."""
        is_other = record["fingerprint"] != self.fingerprint
        if is_other and self.kind == "catalogue":
            return "its settings or tables have changed"
        if is_other and self._own_settings_changed():
            return "its settings have changed"
        for need in self.needs:
            if need.status(self.reads, known)[0] != DONE:
                return f"it needs {need.name}, which is not done"
        if self.kind == "catalogue":
            return self.catalogue.changed_images() if reads == "images" else ""
        inputs = self._inputs()
        if record["inputs"] != inputs:
            return _describe_changes([name for name in inputs if record["inputs"].get(name) != inputs[name]])
        if is_other:  # with the same results
            return "the settings of a job that it needs have changed"
        weights = record.get("pretrained", {})
        changed = [model for model in self.models if _has_changed(model, weights.get(model))]
        return f"the pretrained weights of {', '.join(changed)} have changed" if changed else ""

    def _own_settings_changed(self) -> bool:
        """Return whether the settings differ from those that the job began with, or these are not known."""
        try:
            before = yaml.safe_load((self.run_dir / "config.yaml").read_text(encoding="utf-8"))
            return digest(before) != digest(self.settings)
        except (OSError, ValueError, TypeError, yaml.YAMLError):
            return True

    def _inputs(self) -> dict[str, str | None]:
        """Return digests of what the job reads: its share of the catalogue, and the results of other jobs by key."""
        if self.kind == "catalogue":
            return {}
        runs = {need.key: results_digest(need.run_dir) for need in self.needs if need.kind != "catalogue"}
        contents = self.catalogue.contents()
        confirmed = contents.get("confirmed_labels") if self.kind == "denoise" else None  # it does not remove these
        inputs = {"catalogue": contents.get(self.reads)} | ({"confirmed labels": confirmed} if confirmed else {})
        return inputs | runs

    def begin(self, script: str, *, redo: bool = False) -> None:
        """Prepare the run folder: keep it to continue an interrupted job, otherwise (or with `redo`) empty it.

        `script` is written to the record, for error messages that say how to make the job's files again.
        """
        state, reason = self.status()
        if state == BEGUN and not redo:
            logger.info("%s: continues in %s", self.name, self.run_dir)
            return
        if reason:
            logger.info("%s: starts again: %s", self.name, reason)
        before = self._last_time()
        remove(self.run_dir / "job.json")  # first, so that a folder that is only half removed does not look done
        remove(self.run_dir)
        write_yaml(self.run_dir / "config.yaml", self.settings)
        record = {"name": self.name, "fingerprint": self.fingerprint, "script": script, "inputs": self._inputs()}
        if self.models:
            record["pretrained"] = {model: _describe_model(model) for model in self.models}
        self._write(record | before | {"attempt": uuid4().hex, "run": None, "files": {}})

    def _last_time(self) -> dict:
        """Return what the record says about the time that the job took when it was last done, for estimates."""
        record = read_record(self.run_dir)
        timed = record.get("timed") or record.get("timed_before")
        return {"timed_before": timed} if timed else {}

    def add_seconds(self, seconds: float) -> None:
        """Add to the time that the job has taken so far, when it is interrupted."""
        record = read_record(self.run_dir)
        if record and not record["run"]:
            self._write(record | {"seconds": round(record.get("seconds", 0) + seconds, 1)})

    def finish(self, environment: dict | None = None, timed: dict | None = None) -> None:
        """Complete the record with the job's files and `environment`; `inputs` stay as recorded when it began.

        `timed`: the `seconds` since it began or continued, and what estimates need beside them.
        """
        flush(self.run_dir)  # files before the record: after a power cut the record must not list files that are lost
        record, files = read_record(self.run_dir), describe_results(self.run_dir)
        if self.models:  # weights that were downloaded from the hub were not on the disk when the job began
            weights = record.get("pretrained", {})
            record["pretrained"] = {model: weights.get(model) or _describe_model(model) for model in self.models}
        if timed:
            seconds = round(record.pop("seconds", 0) + timed["seconds"], 1)
            record["timed"] = {"fingerprint": self.fingerprint, "kind": self.timed_as} | timed | {"seconds": seconds}
        self._write(record | {"run": digest(files), "files": files, "environment": environment or {}})
        if self.state() != DONE:
            logger.warning("%s: %s while the job ran, so it must be repeated", self.name, self.status()[1])

    def _write(self, record: dict) -> None:
        write_json(self.run_dir / "job.json", record)
        if self.kind == "catalogue":
            self.catalogue.forget()


def done_jobs(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs that are done, in their order; each is looked at once."""
    known: Known = {}
    return [job for job in jobs if job.status(known=known)[0] == DONE]


@dataclass
class CatalogueState:
    """What the planner reads of the catalogue job's results: digests of its contents, and which images have changed."""

    run_dir: Path
    config: CatalogueConfig
    _changed: str | None = field(default=None, repr=False)
    _n_products: int | None = field(default=None, repr=False)

    def contents(self) -> dict[str, str]:
        """Return hashes of what jobs read: `products`, `images` (products and images), perhaps `confirmed_labels`."""
        if not (self.run_dir / "contents.json").is_file():
            return {}
        return read_json(verified(self.run_dir, "contents.json"))

    def n_products(self) -> int | None:
        """Return the number of products, None before the catalogue is prepared."""
        path = self.run_dir / "products.parquet"
        if self._n_products is None and path.is_file():
            import pyarrow.parquet

            with suppress(OSError, pyarrow.ArrowException):  # who reads the products will say so
                self._n_products = pyarrow.parquet.read_metadata(path).num_rows
        return self._n_products

    def changed_images(self) -> str:
        """Return which images have changed since the catalogue was prepared, as a text; empty if none have.

        The files are checked once in a process.
        """
        if self._changed is None:
            self._changed = self._find_changes()
        return self._changed

    def _find_changes(self) -> str:
        if not (self.run_dir / "images.parquet").is_file():
            return ""
        from latefusion.catalogue import find_images
        from latefusion.images.files import changed_images, stat_files
        from latefusion.utils.parquet import read_frame

        recorded = read_frame(verified(self.run_dir, "images.parquet"))
        named = find_images(self.config, recorded.index.to_series())  # a missing image may have been added, nested
        changed = changed_images(self.config.root, named, recorded)
        if len(changed) == len(recorded) > 0 and not stat_files(self.config.root, named):
            logger.warning("%s: no image of the catalogue exists; assuming that none has changed", self.config.root)
            return ""
        if not changed:
            return ""
        return f"{plural(len(changed), 'image has', 'images have')} changed, the first is {changed[0]}"

    def forget(self) -> None:
        """Clear the cached answers of `changed_images` and `n_products`."""
        self._changed = self._n_products = None


def _describe_changes(names: list[str]) -> str:
    """Return which inputs have changed; of many, the first."""
    if not names:
        return "the set of its inputs has changed"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(sorted(names)[:SHOWN])}{more} {'has' if len(names) == 1 else 'have'} changed"


def _describe_model(model: str) -> dict | None:
    from latefusion.plan.pretrained import describe_files  # imports the hub's client

    return describe_files(model)


def _has_changed(model: str, recorded: dict | None) -> bool:
    from latefusion.plan.pretrained import have_changed

    return have_changed(model, recorded)

"""Find out whether the scores that are there are still those of the finished jobs, so that they need not be made again.

`scores/current.json` says what the tables and the report were made from: the config, the code, the records and files of
all finished jobs, and the files of true labels; and what was written. A job that was done again with equal results
changes nothing. Light to import.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from latefusion.config import Experiment
from latefusion.plan.jobs import Job
from latefusion.plan.records import describe_file, digest, read_record
from latefusion.utils.environment import code_version
from latefusion.utils.files import read_json, remove, write_json

PAGE, CARD = "report.html", "README.md"


def read_current(experiment: Experiment, done: Iterable[Job]) -> str | None:
    """Return the report, if it and all tables are those of these jobs; otherwise None."""
    try:
        current = read_json(_path(experiment))
        if current["made_from"] != describe_inputs(experiment, done) or current["code"].endswith("+changes"):
            return None
        if any(describe_file(Path(path)) != described for path, described in current["written"].items()):
            return None
        newer = list(_newer(done, since=_path(experiment).stat().st_mtime_ns))
        if any(describe_file(path) != recorded for path, recorded in newer):  # whoever reads the files will say so
            return None
        if newer:  # they need not be read again
            with suppress(OSError):  # in a folder that cannot be written to, they are
                _path(experiment).touch()
        return _report(experiment).read_text(encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_current(experiment: Experiment, made_from: str) -> None:
    """Note that the tables and the report that are there were made from these inputs."""
    others = (experiment.submission_dir / name for name in (PAGE, CARD))
    written = [_report(experiment), *sorted((experiment.run_root / "scores").glob("*.csv"))]
    written += [path for path in others if path.is_file()]
    content = {
        "code": code_version(),
        "made_from": made_from,
        "written": {str(path): describe_file(path) for path in written},
    }
    remove(_path(experiment))  # so that it is written again, with a new time, even if nothing has changed
    write_json(_path(experiment), content)


def _path(experiment: Experiment) -> Path:
    return experiment.run_root / "scores" / "current.json"


def _report(experiment: Experiment) -> Path:
    return experiment.submission_dir / "scores.md"


def describe_inputs(experiment: Experiment, done: Iterable[Job]) -> str:
    """Return a hash of what scores depend on: the config, the jobs' results, and the true labels."""
    catalogue = experiment.catalogue
    labels = [catalogue.root / catalogue.test_labels] if catalogue.test_labels else []
    facts = ["sample.json", "hidden/label_noise.csv"] if experiment.sample is not None else []
    hidden = [*labels, *(catalogue.root / name for name in facts)]
    records = {job.key: read_record(job.run_dir) for job in done}
    return digest(
        [
            experiment.model_dump(mode="json"),
            code_version(),
            {key: [record["fingerprint"], record["run"], record["environment"]] for key, record in records.items()},
            [describe_file(path) if path.is_file() else None for path in hidden],
        ]
    )


def _newer(done: Iterable[Job], since: int) -> Iterator[tuple[Path, dict]]:
    """Yield the jobs' files that are newer than `since`, in nanoseconds, and what their records say of them."""
    for job in done:
        for name, recorded in read_record(job.run_dir)["files"].items():
            if (path := job.run_dir / name).stat().st_mtime_ns > since:
                yield path, recorded

"""Find out whether an experiment is finished and unchanged since: then none of its scripts has anything to do.

It is finished if all jobs are done (so no table, image, setting or pretrained weight has changed), the scores are those
of the jobs, and the predictions are as they were written and checked. Light to import: no torch.
"""

from dataclasses import dataclass
from pathlib import Path

from latefusion.config import Experiment
from latefusion.plan.jobs import Job, done_jobs
from latefusion.plan.planning import plan
from latefusion.plan.progress import ORDER
from latefusion.plan.records import describe_file, digest, read_record
from latefusion.scores.current import CARD, PAGE, describe_inputs, read_current
from latefusion.steps.scripts import SCRIPTS
from latefusion.utils.environment import code_version
from latefusion.utils.files import read_json, write_json


@dataclass(frozen=True)
class Summary:
    """The lines of a summary about results, and a hash of what they were made from."""

    made_from: str
    lines: list[str]


def summary_path(experiment: Experiment) -> Path:
    return experiment.run_root / "scores" / "summary.json"


def _predicted_path(experiment: Experiment) -> Path:
    return experiment.run_root / "predicted.json"


def note_predictions(experiment: Experiment, submission: Job, paths: list[Path]) -> None:
    """Note which files were written from the results of the job `submission`."""
    content = {
        "made_from": _made_from(experiment, submission),
        "written": {str(path): describe_file(path) for path in paths},
    }
    write_json(_predicted_path(experiment), content)


def _made_from(experiment: Experiment, submission: Job) -> str:
    catalogue = read_record(submission.catalogue.run_dir)
    run = read_record(submission.run_dir)["run"]
    settings = experiment.catalogue.model_dump(mode="json")
    return digest([run, catalogue["fingerprint"], settings, code_version()])


FINISHED, UNFINISHED, UNKNOWN = 0, 3, 4  # exit statuses of `--summary`


def finished_summary(experiment: Experiment) -> tuple[str, int]:
    """Return the summary of a finished experiment, or what there is to do; and the exit status.

    While the code has changes that are not committed, nobody can tell whether the scores are those of this code: then
    the summary of the last scores is returned, and `UNKNOWN`.
    """
    jobs = plan(experiment)
    done = done_jobs(jobs.values())
    if len(done) < len(jobs):
        left = [job for job in jobs.values() if job not in done]
        first = min(left, key=lambda job: ORDER.index(job.step))
        text = f"{len(done)} of {len(jobs)} jobs are done; the next is {first.key}: src/{SCRIPTS[first.step]}"
        return text, UNFINISHED
    summary = _read_summary(experiment)
    if summary is None or summary.made_from != describe_inputs(experiment, done):
        return f"all {len(jobs)} jobs are done, but not their scores: src/{SCRIPTS['vote']}", UNFINISHED
    if not _are_as_written(experiment, jobs["submission"]):
        return f"all {len(jobs)} jobs are done, but not the predictions: src/{SCRIPTS['predict']}", UNFINISHED
    text = "\n".join([*summary.lines, *where(experiment)])
    if code_version().endswith("+changes"):
        return text, UNKNOWN
    if read_current(experiment, done) is None:
        return f"all {len(jobs)} jobs are done, but their scores have changed: src/{SCRIPTS['vote']}", UNFINISHED
    return text, FINISHED


def _read_summary(experiment: Experiment) -> Summary | None:
    try:
        return Summary(**read_json(summary_path(experiment)))
    except (OSError, ValueError, TypeError):
        return None


def _written(experiment: Experiment) -> dict[str, dict]:
    """Return the files of predictions that were written last, with size and hash; empty if none were."""
    try:
        return dict(read_json(_predicted_path(experiment))["written"])
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _are_as_written(experiment: Experiment, submission: Job) -> bool:
    written = _written(experiment)
    try:
        made_from = read_json(_predicted_path(experiment))["made_from"]
        same = all(describe_file(Path(path)) == described for path, described in written.items())
    except (OSError, ValueError, TypeError, KeyError):
        return False
    return bool(written) and same and made_from == _made_from(experiment, submission)


def where(experiment: Experiment) -> list[str]:
    """Return two lines: where the predictions are, and where all else is."""
    files = [Path(path) for path in _written(experiment)]
    predictions = ", ".join(map(str, files)) if files else f"not written yet: src/{SCRIPTS['predict']} does"
    folder = experiment.submission_dir
    others = {"scores": folder / "scores.md", "report": folder / PAGE, "card": folder / CARD}
    found = [f"{name} {path}" for name, path in others.items() if path.is_file()]
    return [f"predictions  {predictions}", f"more         {', '.join([*found, f'run folders {experiment.run_root}'])}"]

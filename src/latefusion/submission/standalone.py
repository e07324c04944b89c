"""Validate files of any origin as submissions: find their format, their test file and the known codes."""

from collections.abc import Iterator
from pathlib import Path

from latefusion.catalogue.labels import class_order
from latefusion.catalogue.reading import find_file
from latefusion.config import CatalogueConfig, Experiment
from latefusion.plan.planning import plan
from latefusion.submission.formats import CHALLENGES, PREDICTIONS_NAME, Challenge, challenge_of
from latefusion.submission.validation import validate_challenge, validate_predictions
from latefusion.tables.dataset import read_dataset
from latefusion.tables.predictions import separator_of
from latefusion.utils.errors import InputError, StepError, join_errors


def validate_files(
    experiment: Experiment, files: list[Path], test_file: Path | None = None, label_file: Path | None = None
) -> Iterator[str]:
    """Check files, by default the experiment's own submissions, and yield one line for each valid file.

    Each file is checked against a test file: `test_file` if it is given (the config is then not used), otherwise the
    catalogue's test file that matches the name of the submission. Codes are checked against `label_file`, by default
    the training labels in the folder of the test file, if there are any.
    Raises one InputError about all invalid files, after the lines of the valid ones.
    """
    if test_file is not None and not files:
        raise InputError("--test: name the FILE to check against it")
    for option, path in {"--test": test_file, "--codes": label_file}.items():
        if path is not None and not path.is_file():
            raise InputError(f"{option} {path}: the file does not exist")
    refusals: list[InputError] = []
    for path in files or _submissions(experiment):
        try:
            yield _validate_file(experiment, path, test_file, label_file)
        except InputError as error:
            refusals.append(error)
    if refusals:
        raise join_errors(refusals)


def _submissions(experiment: Experiment) -> list[Path]:
    """Return the files that the step `predict` writes. Raises StepError if any is missing."""
    challenge = challenge_of(experiment.catalogue)
    names = challenge.find_tests(experiment.catalogue.root) if challenge else {}
    paths = [experiment.submission_dir / name for name in names or [PREDICTIONS_NAME]]
    if missing := [str(path) for path in paths if not path.exists()]:
        raise StepError(f"{', '.join(missing)} not found: run {{step}} first", "predict")
    return paths


def _validate_file(experiment: Experiment, path: Path, test_file: Path | None, label_file: Path | None) -> str:
    if test_file is not None:
        return _validate_challenge(path, _challenge_of(test_file), test_file, label_file)
    challenge = challenge_of(experiment.catalogue)
    if challenge is not None:
        test_file = _find_test(experiment.catalogue, challenge, path)
        if test_file is not None:
            return _validate_challenge(path, challenge, test_file, label_file)
    if label_file is not None:
        raise InputError(
            f"--codes is only for files of a challenge; {path.name} is checked against the catalogue's labels"
        )
    return _validate_predictions(experiment, path)


def _find_test(catalogue: CatalogueConfig, challenge: Challenge, path: Path) -> Path | None:
    """Return the test file of a submission; None for `predictions.tsv` if the catalogue has no test files."""
    if path.name == PREDICTIONS_NAME and not challenge.find_tests(catalogue.root):
        return None
    if challenge.exact_name and path.name not in challenge.test_file_names:
        advice = "rename it, or name its test file by --test"
        names = " and ".join(challenge.test_file_names)
        raise InputError(f"{path.name}: the challenge takes {names}, no other name; {advice}")
    test = challenge.test_file_names.get(path.name) or next(iter(challenge.test_file_names.values()))
    return find_file(catalogue.root, test)


def _challenge_of(test_file: Path) -> Challenge:
    """Return the challenge that a test file belongs to, by its header."""
    try:
        with test_file.open(encoding="utf-8-sig", errors="replace") as file:
            header = file.readline().rstrip("\n").replace('"', "")
    except OSError as error:
        raise InputError(f"{test_file}: cannot be read: {error.strerror}") from None
    for challenge in CHALLENGES.values():
        if set(challenge.test_columns) <= set(header.split(challenge.delimiter)):
            return challenge
    kinds = " nor ".join(challenge.title for challenge in CHALLENGES.values())
    raise InputError(f"{test_file.name}, line 1: the header is that of neither {kinds} test files")


def _validate_challenge(path: Path, challenge: Challenge, test_file: Path, label_file: Path | None) -> str:
    if label_file is None and (test_file.parent / challenge.label_file).exists():
        label_file = test_file.parent / challenge.label_file
    codes = None
    if label_file is not None:
        codes = class_order(challenge.read_labels(label_file)["label"])
    rows = validate_challenge(path, challenge, test_file, codes)
    name = challenge.name_for(test_file)
    notes = [
        f"codes not compared: no {challenge.label_file} beside {test_file.name}" if codes is None else "",
        f"the challenge takes it as {name}" if challenge.exact_name and name not in (None, path.name) else "",
    ]
    return "; ".join([f"ok: {path} ({len(rows):,} rows)", *filter(None, notes)])


def _validate_predictions(experiment: Experiment, path: Path) -> str:
    catalogue = plan(experiment)["catalogue"]
    if catalogue.state() != "done":
        raise StepError(f"the products that {path.name} must contain are not known: run {{step}} first", catalogue.step)
    dataset = read_dataset(experiment)
    separator = separator_of(dataset.classes, experiment.catalogue.label_separator) if dataset.several else None
    ids = dataset.evaluation_splits["test"].index
    rows = validate_predictions(path, ids, dataset.classes, separator=separator)
    return f"ok: {path} ({len(rows):,} rows)"

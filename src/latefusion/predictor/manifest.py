"""`model.json` of an exported model: the method, the classes, and the size and hash of every file and of itself.

Hashes tell damage, not intent: whoever can write the folder can write them too. So what is loaded must be harmless
whatever it says: it is data, and none of it is run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from latefusion.metrics.confidence import restore_calibration
from latefusion.plan.records import describe_file, digest
from latefusion.predictor.method import MethodSpec
from latefusion.predictor.missing import Reduced
from latefusion.utils.errors import InputError, reported_as
from latefusion.utils.files import read_json, write_json

NAME, FORMAT = "model.json", 2
READABLE = (1, 2)  # 1: of products with one label only
AGAIN = "export the model again, or copy it again as a whole"


@dataclass(frozen=True)
class Manifest:
    """What `model.json` says."""

    experiment: str
    classes: list[str]
    method: MethodSpec
    reduced: dict[str, Reduced]  # by what is missing: the method for products without an image, or without a text
    frequencies: list[float]  # of the classes, among the labelled products: for products without anything
    automation: list[dict]  # thresholds of the confidence, from labelled products
    scores: dict[str, float]
    environment: dict  # versions and code of the export
    files: dict[str, dict]  # size and hash by path
    labels: str = "one"  # of a product: one, or several
    separator: str | None = None  # of several labels where they are written as one text
    # By expert: from which probability on it would assign each of several labels, if that is not a half.
    expert_thresholds: dict[str, list[float]] = field(default_factory=dict)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `model.json`, with the description of all files that are in the folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): describe_file(path) for path in paths}
    content = {"format": FORMAT} | asdict(manifest) | {"files": files}
    write_json(folder / NAME, content | {"digest": digest(content)})


def read_manifest(folder: Path) -> Manifest:
    """Read `model.json` and compare all files with it. Raises InputError if one is missing, unknown, or has changed."""
    path = folder / NAME
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder: name the folder of an exported model")
    if not path.is_file():
        raise InputError(f"{folder}: it has no {NAME}, so it is not an exported model")
    try:
        content = read_json(path)
        if content["format"] not in READABLE:
            formats = " and ".join(map(str, READABLE))
            raise InputError(f"{path}: format {content['format']}; this version reads formats {formats}: {AGAIN}")
        if content.pop("digest") != digest(content):
            raise InputError(f"{path}: it has changed since the export: {AGAIN}")
        del content["format"]
        reduced = {
            missing: Reduced(_spec(one["spec"]), {name: tuple(left) for name, left in one["experts"].items()})
            for missing, one in content.pop("reduced").items()
        }
        manifest = Manifest(method=_spec(content.pop("method")), reduced=reduced, **content)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: it is damaged ({type(error).__name__}: {error}): {AGAIN}") from None
    _verify(folder, manifest.files)
    return manifest


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn errors while a file of an exported model is read into an InputError that names it."""
    with reported_as(f"{path}: it is missing or damaged: {AGAIN}"):
        yield


def _spec(method: dict) -> MethodSpec:
    calibration, policies = restore_calibration(method["calibration"]), tuple(method["policies"])
    thresholds = method.get("label_thresholds")
    own = {"calibration": calibration, "policies": policies, "label_thresholds": thresholds and tuple(thresholds)}
    return MethodSpec(**method | own)


def _verify(folder: Path, files: dict[str, dict]) -> None:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    del found[NAME]
    if missing := sorted(set(files) - set(found)):
        raise InputError(f"{folder}: {missing[0]} is missing: {AGAIN}")
    if unknown := sorted(set(found) - set(files)):
        raise InputError(f"{folder}: {unknown[0]} is not a file of the model: remove it")
    for name, path in found.items():
        if path.is_symlink() or describe_file(path) != files[name]:
            raise InputError(f"{folder}: {name} has changed since the export: {AGAIN}")

"""Check that an environment has the packages of requirements.txt, in versions that fit; nothing is installed.

    PYTHONPATH=src /usr/local/bin/python -m latefusion.utils.requirements [--all] [--any-version]

`make VENV=...` runs it for an environment that it has not made. A version fits if its first number is that of the
pinned one (of 0.x the second); those that differ in another number are named. It needs nothing but Python.
"""

import re
import sys
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[3]
SAME = {"opencv-python-headless": ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")}
WEIGHTS = re.compile(r".*-model$")  # packages of pretrained weights: experts that start from them say so


@dataclass
class Comparison:
    """How the packages of an environment compare with the pinned ones: their names, with versions."""

    missing: list[str] = field(default_factory=list)  # as pip installs them: name==version
    other: dict[str, str] = field(default_factory=dict)  # versions that do not fit: name==version -> what there is
    near: list[str] = field(default_factory=list)  # versions that fit, but are not those that were tested


def compare(pins: dict[str, str], installed: Callable[[str], str | None]) -> Comparison:
    """Compare the installed versions of packages with their pinned versions."""
    found = Comparison()
    for name, pinned in pins.items():
        own = next(filter(None, map(installed, (name, *SAME.get(name, ())))), None)
        own = None if own is None else own.partition("+")[0]  # 2.15.0+cpu is 2.15.0
        if own is None:
            found.missing.append(f"{name}=={pinned}")
        elif own != pinned and _series(own) != _series(pinned):
            found.other[f"{name}=={pinned}"] = own
        elif own != pinned:
            found.near.append(f"{name} {own} (tested: {pinned})")
    return found


def _series(number: str) -> tuple[str, ...]:
    first, *rest = number.split(".")
    return (first, *rest[:1]) if first == "0" else (first,)


def read_pins(root: Path = ROOT, *, every: bool = False) -> dict[str, str]:
    """Return the pinned versions of the packages that the scripts need; with `every` also of tests and notebooks."""
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    needed = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    return pins if every else {name: pins[name] for name in needed if not WEIGHTS.match(name)}


def report(found: Comparison, python: str) -> tuple[str, bool]:
    """Return what to say about an environment, "" for nothing, and whether it can be used."""
    near = f"other versions than those that the tests pass with: {', '.join(found.near)}" if found.near else ""
    if not found.missing and not found.other:
        return near, True
    lines = [f"{python} does not have what requirements.txt names:"]
    lines += [f"  missing: {', '.join(found.missing)}"] if found.missing else []
    lines += [f"  {own} instead of {pinned}" for pinned, own in found.other.items()]
    install = " ".join([*found.missing, *found.other])
    lines += [near] if near else []
    lines += [f"Install them there:\n  {python} -m pip install {install}"]
    if not found.missing:
        lines += ["or go on with what is there, untested: the same command with VERSIONS=any"]
    lines += ["or let make install an environment of its own: leave VENV out"]
    return "\n".join(lines), False


def main(arguments: Iterable[str]) -> int:
    options = set(arguments)
    found = compare(read_pins(every="--all" in options), _installed)
    if "--any-version" in options:
        found = Comparison(found.missing, {}, [*found.near, *(f"{own} ({pin})" for pin, own in found.other.items())])
    text, usable = report(found, sys.executable)
    if text:
        print(text if usable else f"error: {text}", file=sys.stderr)
    return 0 if usable else 2


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Fixtures of all tests: a workspace to run the numbered scripts in, as a user does, but within this process."""

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.configs import tiny_config, tiny_config_of_several
from helpers.workspace import Workspace
from hypothesis import HealthCheck, settings

from latefusion.utils.locks import locked

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as the scripts do, and before anything imports torch

# The suite repeats the same examples on every machine, HYPOTHESIS_PROFILE=fast fewer of them (`make test-fast`);
# HYPOTHESIS_PROFILE=long fuzzes for as long as one lets it.
UNHURRIED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("suite", max_examples=100, derandomize=True, **UNHURRIED)
settings.register_profile("fast", max_examples=20, derandomize=True, **UNHURRIED)
settings.register_profile("long", max_examples=100_000, **UNHURRIED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

COLLECTED = pytest.StashKey[int]()  # how many modules were imported at the last collection


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let the garbage collector pass over what is imported: a training ends with a collection, longer than a toy."""
    if len(sys.modules) > item.session.stash.get(COLLECTED, 0) + 50:
        gc.collect()
        gc.freeze()
        item.session.stash[COLLECTED] = len(sys.modules)


def pytest_unconfigure() -> None:
    gc.unfreeze()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Workspace], None]) -> Workspace:
    """Return a workspace that the first of xdist's processes makes, and all read."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    workspace = Workspace((base.parent if parallel else base) / name)
    made = workspace.folder.with_suffix(".made")
    with locked(workspace.folder, wait=True):
        if not made.exists():
            workspace.folder.mkdir(exist_ok=True)
            make(workspace)
            made.touch()
    return workspace


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory) -> Workspace:
    """The tiny experiment, run from the sample to the submission; tests must not change it."""

    def make(workspace: Workspace) -> None:
        workspace.write_config(tiny_config())
        workspace.run_all()

    return made_once(tmp_path_factory, "finished", make)


@pytest.fixture(scope="session")
def several_run(tmp_path_factory) -> Workspace:
    """The tiny experiment on products with several labels, with the tables of the papers; tests must not change it."""

    def make(workspace: Workspace) -> None:
        workspace.write_config(tiny_config_of_several())
        workspace.run_all()
        workspace.run("16_paper_tables.py")

    return made_once(tmp_path_factory, "several", make)


@pytest.fixture(scope="session")
def cross_fitted(tmp_path_factory) -> Workspace:
    """The tiny experiment, which has every kind of expert, in two folds; tests must not change it."""

    def make(workspace: Workspace) -> None:
        hardware = {"num_workers": 0, "mixed_precision": "no"}
        workspace.write_config(tiny_config() | {"split": {"n_folds": 2}, "hardware": hardware})
        workspace.run_all()

    return made_once(tmp_path_factory, "cross_fitted", make)


@pytest.fixture(scope="session")
def exported_shop(tmp_path_factory) -> Workspace:
    """A cross-fitted shop with its exported model in `models/tiny`; tests must not change it."""
    from helpers.probes import make_exported_shop  # imports torch, which many tests do without

    return made_once(tmp_path_factory, "exported", make_exported_shop)


@pytest.fixture
def copied(trained_run: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of the trained run that a test may change; the current folder is in it."""
    copy = trained_run.copy(tmp_path / "copy")
    monkeypatch.chdir(copy.folder)
    return copy


@pytest.fixture
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder without pretrained weights, where any request to the Hugging Face hub is an error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("latefusion.plan.pretrained.get_session", None)


@pytest.fixture
def unreachable_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Hugging Face hub cannot be reached."""
    monkeypatch.setattr("latefusion.plan.pretrained._ask_hub", lambda name: "cannot be reached")

"""Fixtures of all tests: a workspace to run the numbered scripts in, as a user does, but within this process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.configs import tiny_config, tiny_config_of_several
from helpers.workspace import Workspace
from hypothesis import HealthCheck, settings

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as the scripts do, and before anything imports torch

# The suite repeats the same examples on every machine, HYPOTHESIS_PROFILE=fast fewer of them (`make test-fast`);
# HYPOTHESIS_PROFILE=long fuzzes for as long as one lets it.
UNHURRIED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("suite", max_examples=100, derandomize=True, **UNHURRIED)
settings.register_profile("fast", max_examples=20, derandomize=True, **UNHURRIED)
settings.register_profile("long", max_examples=100_000, **UNHURRIED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


@pytest.fixture(scope="session", autouse=True)
def pretended_precision() -> Iterator[None]:
    """Let the CPU pretend that it computes in bf16 (LATEFUSION_TEST_BF16=1) or not (=0); unset, it tells the truth.

    Scripts that a test starts as processes of their own do not pretend: their configs name the precision.
    """
    pretended = os.environ.get("LATEFUSION_TEST_BF16")
    if pretended is None:
        yield
        return
    import torch  # here: it takes a second, and many tests do without

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": {"0": False, "1": True}[pretended]})
        yield


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory) -> Workspace:
    """The tiny experiment, run from the sample to the submission; tests must not change it."""
    workspace = Workspace(tmp_path_factory.mktemp("finished"))
    workspace.write_config(tiny_config())
    workspace.run_all()
    return workspace


@pytest.fixture(scope="session")
def several_run(tmp_path_factory) -> Workspace:
    """The tiny experiment on products with several labels, with the tables of the papers; tests must not change it."""
    workspace = Workspace(tmp_path_factory.mktemp("several"))
    workspace.write_config(tiny_config_of_several())
    workspace.run_all()
    workspace.run("16_paper_tables.py")
    return workspace


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

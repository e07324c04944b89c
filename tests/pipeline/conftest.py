"""The precision of the machine, and processes that start without importing."""

from collections.abc import Iterator

import pytest
from faults.processes import Server


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that leave the precision to the machine as on one that computes in bf16, and on one that does not."""
    if metafunc.definition.get_closest_marker("either_precision"):
        metafunc.fixturenames.append("cpu_has_bf16")
        metafunc.parametrize("cpu_has_bf16", [False, True], ids=["fp32", "bf16"], indirect=True)


@pytest.fixture
def cpu_has_bf16(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the CPU pretend that it computes in bf16 or not. Processes that a test starts do not pretend."""
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": request.param})


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A process that has imported what the scripts import, and forks one for each."""
    server = Server()
    yield server
    server.close()

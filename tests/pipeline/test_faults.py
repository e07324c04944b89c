"""The fault matrix: nothing is lost, nothing is silent, no traceback, and afterwards the result is the same."""

import re

import pytest
from faults import ALL, disks
from faults.fault import Fault
from faults.processes import Server
from faults.shop import Shop
from faults.table import table
from helpers.workspace import REPOSITORY

FAULTS = [fault for faults in ALL.values() for fault in faults]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The shop after an undisturbed run."""
    server = Server()
    shop = Shop(server, tmp_path_factory.mktemp("faults") / "finished")
    shop.folder.mkdir()
    shop.open()
    script = shop.finish()
    assert script.status == 0, script.output
    yield shop
    server.close()


@pytest.fixture
def copied(finished, tmp_path):
    yield finished.copy(tmp_path / "shop")
    disks.unmount(tmp_path)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.script[:-3]}: {fault.what}")
def test_a_fault(finished, copied, fault: Fault):
    ended = fault.act(copied)
    assert "Traceback" not in ended.output
    assert sorted(ended.statuses) == sorted(fault.status), ended.output
    assert re.search(fault.says, ended.output), ended.output
    fault.mend(copied)
    again = copied.finish()
    assert again.status == 0, again.output
    if fault.equal:
        expected, left = finished.files(), copied.files()
        assert set(left) == set(expected)
        assert [name for name in left if left[name] != expected[name]] == []


def test_the_matrix_is_written_down_in_the_docs():
    assert len({(fault.script, fault.what) for fault in FAULTS}) == len(FAULTS) >= 60
    assert (REPOSITORY / "docs/faults.md").read_text() == table(ALL)

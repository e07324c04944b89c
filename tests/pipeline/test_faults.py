"""The fault matrix: nothing is lost, nothing is silent, no traceback, and afterwards the result is the same."""

import re

import pytest
from faults import ALL, INCOMING, disks
from faults.fault import Fault
from faults.incoming import Incoming
from faults.shop import Shop
from faults.table import table
from helpers.workspace import REPOSITORY

FAULTS = [fault for faults in ALL.values() for fault in faults]
PREDICTING = [fault for faults in INCOMING.values() for fault in faults]


@pytest.fixture(scope="module")
def finished(server, tmp_path_factory):
    """The shop after an undisturbed run."""
    shop = Shop(server, tmp_path_factory.mktemp("faults") / "finished")
    shop.folder.mkdir()
    shop.open()
    script = shop.finish()
    assert script.status == 0, script.output
    return shop


@pytest.fixture
def copied(finished, tmp_path):
    yield finished.copy(tmp_path / "shop")
    disks.unmount(tmp_path)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.script[:-3]}: {fault.what}")
def test_a_fault(finished, copied, fault: Fault):
    try_out(fault, finished, copied)


@pytest.fixture(scope="module")
def predicted(server, tmp_path_factory):
    """An exported model and new products, predicted without a fault."""
    place = Incoming(server, tmp_path_factory.mktemp("faults") / "predicted")
    place.folder.mkdir()
    place.open()
    script = place.finish()
    assert script.status == 0, script.output
    return place


@pytest.fixture
def model_copied(predicted, tmp_path):
    yield predicted.copy(tmp_path / "shop")
    disks.unmount(tmp_path)


@pytest.mark.parametrize("fault", PREDICTING, ids=lambda fault: f"{fault.script[:-3]}: {fault.what}")
def test_a_fault_while_new_products_are_predicted(predicted, model_copied, fault: Fault):
    try_out(fault, predicted, model_copied)


def try_out(fault: Fault, finished: Shop, copied: Shop) -> None:
    """Bring a fault about, mend it, finish, and compare with what is left without it."""
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
    every = [*FAULTS, *PREDICTING]
    assert len({(fault.script, fault.what) for fault in every}) == len(every) >= 60
    assert (REPOSITORY / "docs/faults.md").read_text() == table(ALL | INCOMING)

"""The processes of a training on several hosts: what they tell each other, and what is said when one is lost."""

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from torch.distributed import DistNetworkError, HashStore

from latefusion.steps import peers as module
from latefusion.steps.peers import Peers
from latefusion.utils.errors import InputError


@pytest.fixture
def quick(monkeypatch):
    for name, seconds in (("BEAT", 0.02), ("LINGER", 0.05), ("GRACE", 0.02), ("JOIN", 0.3)):
        monkeypatch.setattr(module, name, seconds)
    ended = []
    monkeypatch.setattr(module, "_end", ended.append)
    return ended


@pytest.fixture
def both(quick):
    """Two processes, here threads, with one store."""
    store = HashStore()
    return [Peers(rank, 2, lost_after=0.3, store=store) for rank in range(2)]


def join(both: list[Peers], folders: list[Path], configs: tuple[str, str] = ("one", "one")) -> list[str]:
    """Let both join; return the message of each, or an empty one."""

    def one(number: int) -> str:
        try:
            both[number].join(configs[number], folders[number])
            return ""
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        return list(pool.map(one, range(2)))


def test_processes_that_fit_join_and_leave_nothing_behind(both, tmp_path):
    assert join(both, [tmp_path / "run", tmp_path / "run"]) == ["", ""]
    assert list((tmp_path / "run").iterdir()) == []


def test_a_host_with_a_folder_of_its_own_is_named_by_all(both, tmp_path):
    messages = join(both, [tmp_path / "a", tmp_path / "b"])
    for message in messages:
        assert re.match(rf"rank 1 \(process {os.getpid()} on .*\) does not see the run folder of rank 0", message)
    assert str(tmp_path / "b") in messages[1]
    assert not (tmp_path / "b").exists()


def test_a_host_with_another_config_is_refused_by_all(both, tmp_path):
    messages = join(both, [tmp_path, tmp_path], ("one", "other"))
    assert ["runs another config than rank" in message for message in messages] == [True, True]


def test_a_process_that_never_starts_is_named(both, tmp_path):
    with pytest.raises(InputError, match=r"rank 1 has not started within 0\.3 seconds: see what it says on its host"):
        both[0].join("one", tmp_path)


@pytest.fixture
def joined(both, tmp_path):
    join(both, [tmp_path, tmp_path])
    for one in both:
        one.start()
    yield both
    for one in both:
        one.stopped.set()


def wait_for(ended: list[str], about: int) -> str:
    """Return the first message about a rank with which a process ended itself; both may end."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if found := [message for message in ended if f"rank {about} " in message]:
            return found[0]
        time.sleep(0.01)
    raise AssertionError(f"nothing about rank {about}: {ended}")


def test_nothing_ends_while_all_are_well_and_when_all_finish(joined, quick):
    time.sleep(0.7)  # more than lost_after
    with ThreadPoolExecutor() as pool:
        list(pool.map(Peers.finish, joined))
    time.sleep(0.1)
    assert quick == []


def test_a_silent_process_ends_the_other(joined, quick):
    joined[1].stopped.set()  # as if it was killed
    assert re.match(
        r"error: rank 1 \(process \d+ on .*\) does not answer, for 0.3 seconds \(hardware.lost_after\). Start the same "
        "command on every host again", wait_for(quick, 1),
    )  # fmt: skip


def test_an_error_is_repeated_by_the_other(joined, quick):
    joined[1].fail(InputError("photos/1.jpg is missing\nmore"))
    assert re.match(r"error: rank 1 \(.*\) has ended: photos/1.jpg is missing. Start", wait_for(quick, 1))


@pytest.mark.parametrize(
    "error", [RuntimeError("[gloo/transport/tcp/pair.cc:561] Connection closed by peer"), DistNetworkError("recv")]
)
def test_a_broken_connection_is_explained_by_who_is_lost(joined, quick, error):
    joined[1].stopped.set()
    with pytest.raises(InputError, match=r"^rank 1 \(process \d+ on .*\) is lost: it was killed, or its host") as told:
        joined[0].fail(error)
    assert "continues from the newest checkpoint" in str(told.value)
    assert quick == []  # the message is the main thread's


def test_a_broken_connection_to_a_process_that_said_why(joined):
    joined[1].fail(InputError("the disk is full"))
    with pytest.raises(InputError, match=r"^rank 1 \(.*\) has ended: the disk is full"):
        joined[0].fail(RuntimeError("[gloo] Connection closed by peer"))


def test_other_errors_keep_their_words(joined):
    assert joined[0].fail(ValueError("a bug")) is None  # it raises nothing in its place


def test_a_process_whose_others_have_finished_does_not_wait_for_ever(joined, quick):
    joined[1]._write(state="done")
    joined[1].stopped.set()
    assert "has finished, but this process has not, for 0.3 seconds" in wait_for(quick, 1)


def test_a_store_that_is_gone_means_that_rank_0_is_lost(joined, quick):
    class Gone:
        def __getattr__(self, name):
            raise DistNetworkError("Failed to recv, got 0 bytes")

    joined[1].store = Gone()
    assert re.match(r"error: rank 0 \(.*\) is lost: it was killed, or its host does not answer", wait_for(quick, 0))


def test_a_store_that_never_answers_ends_the_process_too(joined, quick):
    """As when the network of the host with the store is cut: the client waits for its answer for ever."""

    class Stuck:
        def set(self, key, value):
            pass

        def get(self, key):
            time.sleep(3)
            raise DistNetworkError("timeout")

    joined[1].store = Stuck()
    assert re.match(r"error: rank 0 \(.*\) is lost: it was killed, or its host does not answer", wait_for(quick, 0))


def test_an_error_is_told_even_if_the_store_never_answers(joined, quick):
    class Stuck:
        def set(self, key, value):
            time.sleep(1)

    joined[1].store = Stuck()
    joined[1].fail(InputError("the disk is full"))
    assert "error: the disk is full" in quick

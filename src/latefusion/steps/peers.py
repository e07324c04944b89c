"""Several processes, on one host or more, that train together: check that they fit, and end all when one is lost.

A process that waits for another one in a collective operation notices nothing for hours if the other hangs or its host
is gone. So each process writes a heartbeat to the launcher's store every few seconds, and reads those of the others.
"""

import json
import multiprocessing
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latefusion.config import Experiment
from latefusion.plan.records import digest
from latefusion.steps.scripts import SCRIPTS
from latefusion.utils.errors import InputError, StepError

if TYPE_CHECKING:
    from torch.distributed import Store

BEAT = 2.0  # seconds between heartbeats
JOIN = 600  # seconds until all processes must have started
LINGER = BEAT + 0.5  # seconds in which the others can still read why this process ends
GRACE = 10.0  # seconds for the main thread to end by itself, with a message of its own
AGAIN = "Start the same command on every host again: it continues from the newest checkpoint"
BROKEN = ("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer", "Broken pipe", "c10d")


@contextmanager
def watched(experiment: Experiment, rank: int) -> Iterator[None]:
    """Run the body in all processes of a launcher, or in none: end this process when another one is lost.

    Raises InputError if a process does not start, has another config or does not see the run folder of rank 0, and
    when the connection to another process is lost.
    """
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        yield
        return
    peers = Peers(rank, world_size, lost_after=experiment.hardware.lost_after, store=_connect(rank))
    settings = experiment.model_dump(mode="json", exclude={"hardware": {"num_workers", "lost_after"}})
    peers.join(digest(settings), experiment.run_root)
    peers.start()
    try:
        yield
    except BaseException as error:
        peers.fail(error)
        raise
    peers.finish()


class Peers:
    """The processes of a run, as this one knows them from the store."""

    def __init__(self, rank: int, world_size: int, lost_after: float, store: "Store"):
        self.rank, self.others = rank, [other for other in range(world_size) if other != rank]
        self.lost_after = lost_after
        self.own: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid(), "beat": 0, "state": "runs"}
        self.seen: dict[int, tuple[dict, float]] = {}  # what each other process wrote last, and when it came
        self.problem: str | None = None  # what has happened to one of them
        self.answered = time.monotonic()  # when the store did last
        self.stopped = threading.Event()
        self.store = store

    def join(self, config: str, run_root: Path) -> None:
        """Wait for all processes; compare their configs, and whether they see the folder of rank 0."""
        problem = self._mismatch(config, run_root)
        if problem is not None:
            time.sleep(LINGER)
            raise InputError(problem)

    def _mismatch(self, config: str, run_root: Path) -> str | None:
        """Return what does not fit, the same in all processes but for the names."""
        with _token(run_root, self.rank) as token:
            self._write(config=config, token=token)
            self._wait("process")
            found = {rank: self._read(rank) for rank in self.others}
            if differing := [rank for rank, one in found.items() if one["config"] != config]:
                return (
                    f"{_name(differing[0], found)} runs another config than {_name(self.rank, {self.rank: self.own})}: "
                    "every host needs the same command and the same config file"
                )
            token = token or found[0]["token"]
            self.store.set(self._key("sees", self.rank), "yes" if (run_root / token).exists() else "no")
            self._wait("sees")
            blind = [rank for rank in (self.rank, *self.others) if self.store.get(self._key("sees", rank)) != b"yes"]
        if blind:
            return (
                f"{_name(blind[0], found | {self.rank: self.own})} does not see the run folder of rank 0 in its own "
                f"{run_root.absolute()}: all hosts must share weights/, for example with NFS. The catalogue and "
                "pretrained weights may be copies"
            )
        return None

    def start(self) -> None:
        """Begin to write heartbeats, and to read those of the others."""
        now = time.monotonic()
        self.seen = {rank: (self._read(rank), now) for rank in self.others}
        self.store.set_timeout(timedelta(seconds=self.lost_after))  # of each read and write
        self.answered = now
        for work in (self._talk, self._watch):
            threading.Thread(target=work, name=f"peers{work.__name__}", daemon=True).start()

    def finish(self) -> None:
        """Say that this process has done its work, and wait until all have."""
        until = time.monotonic() + self.lost_after
        # The process with the store may be the first to end.
        with self._bounded(f"{self._no_store()}. {AGAIN}"), suppress(RuntimeError):
            self._write(state="done")
            while time.monotonic() < until and any(self._read(rank)["state"] == "runs" for rank in self.others):
                time.sleep(0.05)
        self.stopped.set()

    def fail(self, error: BaseException) -> None:
        """Tell the others. Raises InputError, in the place of `error`, if the connection to them was lost."""
        self.stopped.set()
        if not _is_broken_connection(error):
            with self._bounded(_first_line(error)), suppress(RuntimeError):  # the store may be gone
                self._write(state="failed", why=_first_line(error))
                time.sleep(LINGER)
            return
        with self._bounded(f"{self._no_store()}. {AGAIN}"):
            lost = self._find_lost(3 * BEAT)
            with suppress(RuntimeError):
                self._write(state="failed", why=f"{lost}, so it ended too")
        raise InputError(f"{lost}. {AGAIN} ({_first_line(error)})") from error

    def _find_lost(self, seconds: float) -> str:
        """Return which process is lost, after listening for heartbeats for a while."""
        until = time.monotonic() + seconds
        try:
            before = {rank: self._read(rank) for rank in self.others}
            while True:
                self._write(beat=self.own["beat"] + 1)
                found = {rank: self._read(rank) for rank in self.others}
                if failed := _failed(found):
                    return failed
                if time.monotonic() > until:
                    break
                time.sleep(BEAT / 4)
        except RuntimeError:
            return _failed(self._last()) or self._no_store()
        silent = [rank for rank in self.others if found[rank] == before[rank]]
        if silent:
            return f"{_name(silent[0], found)} is lost: it was killed, or its host does not answer any more"
        return "the connection between the processes of this run broke, though all of them still run"

    def _talk(self) -> None:
        while not self.stopped.wait(BEAT):
            try:
                self._write(beat=self.own["beat"] + 1)
                self.problem = self._problem()
            except RuntimeError:
                self.problem = _failed(self._last()) or self._no_store()
                return
            self.answered = time.monotonic()

    def _watch(self) -> None:
        """End this process if there is a problem, or if the store does not answer: its client may wait for ever."""
        while not self.stopped.wait(BEAT / 4):
            problem = self.problem
            if problem is None and time.monotonic() - self.answered > self.lost_after:
                problem = _failed(self._last()) or self._no_store()
            if problem is not None:
                if not self.stopped.wait(GRACE):
                    _end(f"error: {problem}. {AGAIN}")
                return

    @contextmanager
    def _bounded(self, message: str) -> Iterator[None]:
        """End this process with a message if the body takes too long, because the store does not answer."""
        timer = threading.Timer(self.lost_after + 3 * BEAT + LINGER, _end, [f"error: {message}"])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _problem(self) -> str | None:
        """Read what the others wrote, and return what has happened to one of them, None if nothing has."""
        now = time.monotonic()
        for rank in self.others:
            one = self._read(rank)
            if one != self.seen[rank][0]:
                self.seen[rank] = (one, now)
        if failed := _failed(self._last()):
            return failed
        for rank, (one, since) in self.seen.items():
            if now - since > self.lost_after:
                what = "has finished, but this process has not" if one["state"] == "done" else "does not answer"
                return f"{_name(rank, self._last())} {what}, for {self.lost_after:g} seconds (hardware.lost_after)"
        return None

    def _no_store(self) -> str:
        """Return what it means that the store cannot be read: the launcher of rank 0, or rank 0 itself, serves it."""
        return f"{_name(0, self._last())} is lost: it was killed, or its host does not answer any more"

    def _last(self) -> dict[int, dict]:
        return {rank: one for rank, (one, _) in self.seen.items()}

    def _write(self, **news: object) -> None:
        self.own |= news
        self.store.set(self._key("process", self.rank), json.dumps(self.own))

    def _read(self, rank: int) -> dict:
        return json.loads(self.store.get(self._key("process", rank)))

    def _wait(self, kind: str) -> None:
        missing = list(self.others)
        until = time.monotonic() + JOIN
        while missing := [rank for rank in missing if not self.store.check([self._key(kind, rank)])]:
            if time.monotonic() > until:
                raise InputError(
                    f"rank {missing[0]} has not started within {JOIN} seconds: see what it says on its host. Then "
                    "start the same command on every host again"
                )
            time.sleep(0.05)

    def _key(self, kind: str, rank: int) -> str:
        return f"latefusion/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}/{kind}/{rank}"


def _connect(rank: int) -> "Store":
    """Return a client of its own to the launcher's store: the process group's may be blocked in a collective."""
    from torch.distributed import DistError, TCPStore  # takes a second

    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    of_launcher = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    try:
        return TCPStore(
            host, port, is_master=rank == 0 and not of_launcher, wait_for_workers=False, multi_tenant=True,
            timeout=timedelta(seconds=JOIN),
        )  # fmt: skip
    except DistError as error:
        raise InputError(
            f"no connection to {host}:{port} (MASTER_ADDR, MASTER_PORT) within {JOIN} seconds: is rank 0 running, and "
            f"does a firewall allow the port? ({_first_line(error)})"
        ) from error


@contextmanager
def _token(run_root: Path, rank: int) -> Iterator[str]:
    """Write an empty file with a new name for the others to find, if this is rank 0, and remove it; yield its name."""
    if rank != 0:
        yield ""
        return
    run_root.mkdir(parents=True, exist_ok=True)
    for old in run_root.glob(".shared-*"):
        with suppress(OSError):  # another process may remove it too
            if time.time() - old.stat().st_mtime > 2 * JOIN:  # of a killed process, not of another run that begins
                old.unlink()
    path = run_root / f".shared-{secrets.token_hex(8)}"
    path.touch()
    try:
        yield path.name
    finally:
        path.unlink(missing_ok=True)


def _name(rank: int, known: dict[int, dict]) -> str:
    one = known.get(rank)
    return f"rank {rank}" if one is None else f"rank {rank} (process {one['pid']} on {one['host']})"


def _failed(known: dict[int, dict]) -> str | None:
    """Return which process has ended with an error, and why, None if none has."""
    for rank, one in known.items():
        if one["state"] == "failed":
            return f"{_name(rank, known)} has ended: {one['why']}"
    return None


def _is_broken_connection(error: BaseException) -> bool:
    from torch.distributed import DistError

    return isinstance(error, DistError) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in BROKEN)
    )


def _first_line(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted or terminated"
    message = error.with_script(SCRIPTS) if isinstance(error, StepError) else str(error)
    return (message.strip() or type(error).__name__).splitlines()[0][:300]


def _end(message: str) -> None:
    """End this process at once: its main thread waits for a process that is gone."""
    try:
        print(message, file=sys.stderr, flush=True)
        for child in multiprocessing.active_children():
            child.kill()
    finally:
        os._exit(2)  # also if nobody reads the output any more

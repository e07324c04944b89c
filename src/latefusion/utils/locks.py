"""Locks between processes, released by the operating system when their process ends, even if it is killed.

The lock on `<name>` is a file in the same folder, `<name>.lock`, locked with POSIX record locks (they work on NFS, and
forked processes do not inherit them). The file holds the process id, host and start time of its holder. A lock file
that remains after a process was killed blocks nobody: the lock itself ended with the process.

filelock locks as well, but does not say who holds a lock, which messages and `--list` need, and raises an error where a
file system answers that it has no locks (ENOLCK); here work goes on with a warning.
"""

import errno
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from latefusion.utils.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    HAS_LOCKS = False
else:
    HAS_LOCKS = True

logger = logging.getLogger(__name__)
BUSY = (errno.EACCES, errno.EAGAIN)
CANNOT_LOCK = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold the lock on `path`, a file or a folder that need not exist; yield whether the file system supports locks.

    If another process holds the lock, wait until it is free (with `wait`), or raise InputError with the process id,
    host and start time of the holder.
    """
    lock = path.with_name(f"{path.name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor, is_held = _acquire(lock, path, wait=wait)
    try:
        yield is_held
    finally:
        lock.unlink(missing_ok=True)  # before the lock is released, so the file cannot be another process's lock
        os.close(descriptor)


def _acquire(lock: Path, path: Path, *, wait: bool) -> tuple[int, bool]:
    """Return the descriptor of the lock file, with this process written into it, and whether it could be locked."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            is_held = _lock(descriptor, lock, path, wait=wait)
            if _is_at(descriptor, lock):  # the previous holder may have removed the file that this process opened
                _write_holder(descriptor)
                return descriptor, is_held
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, lock: Path, path: Path, *, wait: bool) -> bool:
    """Lock the open file, waiting for it if `wait`; return whether the file system supports locks."""
    if not HAS_LOCKS:
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as error:
        if error.errno in CANNOT_LOCK:
            logger.warning(
                "%s: this file system has no locks; make sure that only one process works on it", path.parent
            )
            return False
        if error.errno not in BUSY:
            raise
    if not wait:
        raise InputError(
            f"{path} is being written by {_read_holder(lock)}: wait until that process has finished, or stop it and "
            "run the same command again to continue"
        )
    logger.info("%s: waiting for %s, which is writing it", path, _read_holder(lock))
    fcntl.lockf(descriptor, fcntl.LOCK_EX)
    return True


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock; None where it has not written who it is yet."""

    pid: int | None = None
    host: str | None = None
    since: str | None = None  # local time, ISO 8601

    def __str__(self) -> str:
        return "another process" if self.pid is None else f"process {self.pid} on {self.host} since {self.since}"


def holder_of(path: Path) -> Holder | None:
    """Return who holds the lock on `path`; None if nobody does, or if it cannot be found out."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except OSError:
        return None
    try:
        if HAS_LOCKS:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return None
    except OSError as error:
        return _read_holder(lock) if error.errno in BUSY else None
    finally:
        os.close(descriptor)  # which releases the lock


def _is_at(descriptor: int, lock: Path) -> bool:
    """Return whether the open file is still the file at the path `lock`."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(lock))
    except FileNotFoundError:
        return False


def _write_holder(descriptor: int) -> None:
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now().isoformat(" ", "seconds")}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _read_holder(lock: Path) -> Holder:
    try:
        holder = json.loads(lock.read_text(encoding="utf-8"))
        return Holder(holder["pid"], holder["host"], holder["since"])
    except (OSError, ValueError, KeyError, TypeError):  # the holder has not been written yet
        return Holder()

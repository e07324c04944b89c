"""A lock on a piece of work, held by one process and gone with it, however it ends.

A lock is a file beside what it protects, `<name>.lock`, that its holder has locked through the operating system (POSIX
record locks: they work on NFS, and processes that are forked off do not inherit them). It says who holds it. A file
left by a killed process is no obstacle: its lock died with the process.
"""

import errno
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from latefusion.utils.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

logger = logging.getLogger(__name__)
BUSY = (errno.EACCES, errno.EAGAIN)
CANNOT_LOCK = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold the lock on `path`, a file or a folder that need not exist; yield whether the file system has locks at all.

    While another process holds it, wait for that process, or raise InputError saying who it is and since when.
    """
    lock = path.with_name(f"{path.name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor, is_held = _acquire(lock, path, wait=wait)
    try:
        yield is_held
    finally:
        lock.unlink(missing_ok=True)  # while the lock is held: nobody else has taken it yet
        os.close(descriptor)


def _acquire(lock: Path, path: Path, *, wait: bool) -> tuple[int, bool]:
    """Return the descriptor of the file, with its holder written into it, and whether it could be locked."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            is_held = _lock(descriptor, lock, path, wait=wait)
            if _is_at(descriptor, lock):  # the holder before us may have removed the file that we opened
                _sign(descriptor)
                return descriptor, is_held
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, lock: Path, path: Path, *, wait: bool) -> bool:
    if fcntl is None:
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as error:
        if error.errno in CANNOT_LOCK:
            logger.warning("%s: this file system has no locks; take care that one process works on it", path.parent)
            return False
        if error.errno not in BUSY:
            raise
    if not wait:
        raise InputError(
            f"{path} is being made by {_holder(lock)}: wait until that process has finished, or stop it and run the "
            "same command again to continue"
        )
    logger.info("%s: waiting for %s, which is making it", path, _holder(lock))
    fcntl.lockf(descriptor, fcntl.LOCK_EX)
    return True


def _is_at(descriptor: int, lock: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(lock))
    except FileNotFoundError:
        return False


def _sign(descriptor: int) -> None:
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now().isoformat(" ", "seconds")}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _holder(lock: Path) -> str:
    try:
        holder = json.loads(lock.read_text(encoding="utf-8"))
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # it has not signed yet
        return "another process"

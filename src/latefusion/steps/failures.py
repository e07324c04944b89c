"""Explain failures of the machine to the user: full disks, missing permissions, too little memory.

Every library has its own errors for these. The system's error number is searched first, in the error or in its message;
then known phrases in the message.
"""

import errno
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

DISK_FULL = 1_000_000  # bytes; a disk with less free space counts as full
FULL = "the disk is full, or your quota of it: free some space"
MEMORY = (
    "there is too little memory: end other programs or lower hardware.num_workers (or train.batch_size, which starts "
    "the expert from its beginning)"
)
SHARED = "shared memory (/dev/shm) is full: enlarge it, or set hardware.num_workers to 0"
FILES = "too many files are open: raise the limit (ulimit -n 65536) or lower hardware.num_workers"
SCARCE = (FULL, MEMORY, FILES, SHARED)  # reported even as the cause of another error; other causes may be harmless
FORBIDDEN = "permission is denied: give this user the right to read and write there"

# The meaning of the system's error numbers. ENOENT is missing on purpose: a missing file is a bug, with a traceback.
BY_NUMBER = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: "the file is larger than may be written: raise the limit (ulimit -f unlimited)",
    errno.EACCES: FORBIDDEN,
    errno.EPERM: FORBIDDEN,
    errno.EROFS: "the disk is read-only: run in a folder that is writable",
    errno.ENOTDIR: "a file is where a folder should be: move it away",
    errno.EEXIST: "a file, or a link to nowhere, is where a folder should be: move it away",
    errno.EISDIR: "a folder is where a file should be: move it away",
    errno.ENAMETOOLONG: "the name is longer than the file system allows",
    errno.ELOOP: "a link leads back to itself",
    errno.EMFILE: FILES,
    errno.ENFILE: FILES,
    errno.ENOMEM: MEMORY,
    errno.EAGAIN: "no further process or thread can be started: lower hardware.num_workers, or raise ulimit -u",
    errno.EIO: "the disk cannot be read or written: is it damaged, or its connection lost?",
    errno.ESTALE: "a shared folder is no longer connected: connect it again",
}
NUMBER = re.compile(r"(?:errno|os error|Os \{ code:) ?(\d+)", re.IGNORECASE)  # Python and Arrow; two forms of Rust
# For messages without the system's number: torch.save, sqlite, threads, allocators, loader workers.
BY_WORDS = {
    "shared memory": SHARED,
    "is killed by signal: Bus error": SHARED,
    "No space left": FULL,
    "Disk quota exceeded": FULL,
    "unexpected pos": FULL,
    "PytorchStreamWriter failed": FULL,
    "database or disk is full": FULL,
    "can't start new thread": "no further thread can be started: end other programs, or raise ulimit -u and -v",
    "Resource temporarily unavailable": BY_NUMBER[errno.EAGAIN],
    "CUDA out of memory": "the GPU's memory is full: raise train.gradient_accumulation_steps or lower train.batch_size",
    "failed to map segment": MEMORY,  # while a library is imported
    "Cannot allocate memory": MEMORY,
    "not enough memory": MEMORY,
    "can't allocate memory": MEMORY,
    "Insufficient memory": MEMORY,
    "could not create a primitive": MEMORY,  # oneDNN, in the CPU's convolutions
    "could not create a memory": MEMORY,
    "is killed by signal: Killed": f"a worker was killed: {MEMORY}",
    "terminated abruptly": f"a worker was killed: {MEMORY}",
    "Too many open files": FILES,
}


def explain(error: BaseException, folders: Iterable[Path]) -> str | None:
    """Return a sentence about an error that the machine caused, None for any other error.

    `folders` are the folders that are written to: their disks are checked if the error itself does not mention a full
    disk, or does not say which.
    """
    full = next(filter(_is_full, folders), None)
    for one in _with_causes(error):
        meaning = _meaning(one)
        if meaning is not None and (one is error or meaning in SCARCE):
            path = getattr(one, "filename2", None) or getattr(one, "filename", None)
            where = full if path is None and meaning == FULL else path
            return f"{where}: {meaning}" if where is not None else f"{meaning} ({_first_line(one)})"
    return None if full is None else f"{full}: {FULL}"


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _meaning(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return MEMORY
    text = str(error)
    numbers = [int(number) for number in NUMBER.findall(text)]
    if isinstance(error, OSError) and error.errno is not None:
        numbers.insert(0, error.errno)
    by_number = next((BY_NUMBER[number] for number in numbers if number in BY_NUMBER), None)
    return by_number or next((meaning for words, meaning in BY_WORDS.items() if words in text), None)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[-1][:200]


def _is_full(folder: Path) -> bool:
    """Return whether the disk of a folder, or of its nearest existing parent, is full."""
    existing = next((path for path in (folder, *folder.absolute().parents) if path.exists()), Path("/"))
    return os.access(existing, os.W_OK) and shutil.disk_usage(existing).free < DISK_FULL

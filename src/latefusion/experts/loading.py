"""What libraries raise on damaged files and settings that do not fit, told in words."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from latefusion.utils.errors import InputError


@contextmanager
def told(problem: str) -> Iterator[None]:
    """Turn whatever is raised within into an InputError that begins with `problem`.

    Each library has errors of its own for damaged files, tokenizers a bare Exception and panics beyond that. What says
    nothing of the files passes: interrupts, too little memory, a full disk.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except BaseException as error:
        is_panic = type(error).__name__ == "PanicException"  # of Rust: not importable, and no Exception
        if not (is_panic or isinstance(error, Exception)) or getattr(error, "errno", None) == errno.ENOSPC:
            raise
        raise InputError(f"{problem} ({type(error).__name__}: {error})") from error

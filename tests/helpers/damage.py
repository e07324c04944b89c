"""What happens to files and processes: a flipped bit, a cut file, a process that dies."""

from collections.abc import Callable
from pathlib import Path


class Cut(Exception):
    """Stands for the death of the process."""


def dying(function: Callable, call: int, error: type[Exception] | Exception = Cut) -> Callable:
    """Return the function such that it raises `error` at the end of its call number `call`; `calls` counts them."""

    def dies(*arguments, **keywords):
        result = function(*arguments, **keywords)
        dies.calls += 1
        if dies.calls == call:
            raise error
        return result

    dies.calls = 0
    return dies


def flip(path: Path, where: float = 0.5) -> None:
    """Change one bit of a file, at a fraction of its length."""
    content = bytearray(path.read_bytes())
    content[int(len(content) * where)] ^= 4
    path.write_bytes(content)


def cut(path: Path) -> None:
    """Keep the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

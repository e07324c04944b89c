"""Errors that a user is meant to read: the scripts print their message without a traceback and exit with status 2."""

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager


class InputError(ValueError):
    """Something the user gave cannot be used. The message says what is wrong, where (file, row, id), and what to do."""


class StepError(InputError):
    """An InputError whose advice is to run a step: `{step}` in the message stands for it.

    The library knows steps by name alone; the scripts replace the name by that of the step's script.
    """

    def __init__(self, message: str, step: str):
        super().__init__(message, step)  # as given: loader workers pickle errors by their arguments
        self.message, self.step = message, step

    def __str__(self) -> str:
        return self.message.replace("{step}", f"the step '{self.step}'")

    def with_script(self, scripts: Mapping[str, str]) -> str:
        """Return the message with the path of the step's script in place of its name."""
        return self.message.replace("{step}", f"src/{scripts[self.step]}")


def join_errors(errors: Sequence[InputError]) -> InputError:
    """Return one error that says what all of them do; the first step that one of them names is that of all."""
    messages = "\n".join(error.message if isinstance(error, StepError) else str(error) for error in errors)
    step = next((error.step for error in errors if isinstance(error, StepError)), None)
    return InputError(messages) if step is None else StepError(messages, step)


def list_problems(headline: str, problems: list[str], advice: str, limit: int = 20) -> InputError:
    """Build one error out of many problems: the headline, the first `limit` of them, and what to do."""
    shown = [f"  {problem}" for problem in problems[:limit]]
    if len(problems) > limit:
        shown.append(f"  ... and {len(problems) - limit} more")
    return InputError("\n".join([headline, *shown, advice]))


@contextmanager
def reported_as(problem: str) -> Iterator[None]:
    """Turn what a library raises on damaged files or wrong settings into an InputError that begins with `problem`.

    Each library has its own errors for these; tokenizers raise a bare Exception, or a Rust panic. Interrupts, too
    little memory and a full disk are passed on.
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

"""Errors for the user: the scripts print their message without a traceback and exit with status 2."""

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

SHORTAGES = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE)


class InputError(ValueError):
    """The user's input cannot be used. The message says what is wrong, where (file, row, id), and what to do."""


class StepError(InputError):
    """An InputError whose advice is to run a step; `{step}` in the message is a placeholder for the step.

    The library knows only the names of steps; the scripts replace the placeholder by the path of the step's script.
    """

    def __init__(self, message: str, step: str):
        super().__init__(message, step)  # both arguments, unchanged: loader workers pickle errors by their arguments
        self.message, self.step = message, step

    def __str__(self) -> str:
        return self.message.replace("{step}", f"the step '{self.step}'")

    def with_script(self, scripts: Mapping[str, str]) -> str:
        """Return the message with the path of the step's script instead of `{step}`; `scripts` maps step to script."""
        return self.message.replace("{step}", f"src/{scripts[self.step]}")


def join_errors(errors: Sequence[InputError]) -> InputError:
    """Return one error with all messages; if any of the errors is a StepError, a StepError with the first step."""
    messages = "\n".join(error.message if isinstance(error, StepError) else str(error) for error in errors)
    step = next((error.step for error in errors if isinstance(error, StepError)), None)
    return InputError(messages) if step is None else StepError(messages, step)


def list_problems(headline: str, problems: list[str], advice: str, limit: int = 20) -> InputError:
    """Return one error for many problems: the headline, the first `limit` problems, and the advice."""
    shown = [f"  {problem}" for problem in problems[:limit]]
    if len(problems) > limit:
        shown.append(f"  ... and {len(problems) - limit} more")
    return InputError("\n".join([headline, *shown, advice]))


def is_shortage(error: BaseException) -> bool:
    """Return whether an error says nothing of what was read: the machine lacks memory, threads, files or disk."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) in SHORTAGES:
        return True
    return any(os.strerror(number) in str(error) for number in SHORTAGES)  # as Arrow reports them


@contextmanager
def reported_as(problem: str) -> Iterator[None]:
    """Turn the errors that libraries raise for damaged files or wrong settings into an InputError.

    Its message begins with `problem`. All exceptions are converted, because each library has its own: tokenizers raise
    a bare Exception, or a Rust panic. Interrupts and what the machine lacks (`is_shortage`) are re-raised unchanged.
    """
    try:
        yield
    except InputError:
        raise
    except BaseException as error:
        is_panic = type(error).__name__ == "PanicException"  # from Rust: not importable, not a subclass of Exception
        if not (is_panic or isinstance(error, Exception)) or is_shortage(error):
            raise
        raise InputError(f"{problem} ({type(error).__name__}: {error})") from error

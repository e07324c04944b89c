"""Progress bars that know of the job they belong to; where the output is no terminal, plain lines in their place.

`reporting` names the job that this process runs (`plan.progress` has the jobs and their times); bars that are made
while it runs show it.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Protocol

from tqdm import tqdm

logger = logging.getLogger(__name__)
EVERY = 60.0  # seconds between two plain lines
ENOUGH = 0.02  # the share of a job, or of what a bar counts, from which on its own speed tells when it will be done


class Reporter(Protocol):
    """The job that runs, as bars need it."""

    label: str  # short, for a bar: `5/31`
    title: str  # for a line: `job 5 of 31: experts/tfidf`
    said: float  # when it began, or a line said how far it is; all of its bars share it

    def advance(self, share: float) -> None:
        """Note which share of the job is done, 0 to 1."""

    def left(self, stage: float = 0) -> str:
        """Return when the job, and all jobs, will be done, for a line; `stage`: the seconds that it takes at least."""

    def left_in_all(self, stage: float = 0) -> str:
        """Return how long all jobs will take, for a bar; `stage` as above."""


_reporter: ContextVar[Reporter | None] = ContextVar("reporter", default=None)
_part: ContextVar[tuple[int, int]] = ContextVar("part", default=(0, 1))


@contextmanager
def reporting(reporter: Reporter) -> Iterator[None]:
    """Let the bars that are made in the body report to the job."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


@contextmanager
def part(number: int, of: int) -> Iterator[None]:
    """Say that the body is part `number`, from 0, of equally long parts of the job."""
    token = _part.set((number, of))
    try:
        yield
    finally:
        _part.reset(token)


class Bar(tqdm):
    """A bar on a terminal; otherwise a line in the log every minute; nothing unless `is_main`.

    `measures_job`: what this bar counts is the whole job, or its present part.
    """

    def __init__(self, *arguments, is_main: bool = True, measures_job: bool = False, **keywords):
        self.reporter, self.of_part, self.measures_job = _reporter.get(), _part.get(), measures_job
        self.what = keywords.get("desc") or (arguments[1] if len(arguments) > 1 else "")
        self.began = time.monotonic()
        self.clock = self.reporter or SimpleNamespace(said=self.began)
        super().__init__(*arguments, disable=None if is_main else True, **keywords)
        self.is_plain, self.n_before = is_main and self.disable, self.n
        if self.reporter is not None and not self.disable:
            self.set_description(f"{self.reporter.label} {self.what}", refresh=False)
        self._advance()

    def __iter__(self):
        if not self.disable:
            yield from super().__iter__()
            return
        for item in self.iterable:
            yield item
            self.update()

    def update(self, n: float | None = 1) -> bool | None:
        if self.disable:
            self.n += n or 0  # tqdm does not count what it does not show
        shown = super().update(n)
        self._advance()
        if self.is_plain and time.monotonic() - self.clock.said >= EVERY:
            self.clock.said = time.monotonic()
            logger.info("%s", self.line())
        return shown

    def note(self, text: str) -> None:
        """Show a text behind the bar, and when all jobs will be done."""
        rest = [] if self.reporter is None else [self.reporter.left_in_all(self.seconds_left())]
        self.set_postfix_str("; ".join([text, *rest]), refresh=False)

    def line(self) -> str:
        """Return a line that says how far it is."""
        share = f"{100 * self.n / self.total:.0f} %" if self.total else f"{self.n}"
        if self.reporter is None:
            return f"{self.what}: {share}"
        what = "" if self.measures_job and self.of_part == (0, 1) else f", {self.what}"
        return f"{self.reporter.title}{what}: {share}; {self.reporter.left(self.seconds_left())}"

    def seconds_left(self) -> float:
        """Return how long this bar still takes, by its own speed; 0 if that is not known."""
        counted = self.n - self.n_before
        if not self.total or counted < ENOUGH * self.total:
            return 0.0
        return (time.monotonic() - self.began) * max(self.total - self.n, 0) / counted

    def _advance(self) -> None:
        if self.reporter is not None and self.measures_job and self.total:
            number, of = self.of_part
            self.reporter.advance((number + self.n / self.total) / of)


class LogHandler(logging.StreamHandler):
    """A handler that writes its lines above the bars, not into them."""

    def emit(self, record: logging.LogRecord) -> None:
        with tqdm.external_write_mode(file=self.stream):
            super().emit(record)


def duration(seconds: float) -> str:
    """Return a duration in one or two units, rounded: `40 s`, `12 min`, `3 h 20 min`, `2 d 4 h`."""
    if seconds < 59.5:
        return f"{max(seconds, 0):.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return _two(minutes, 60, "h", "min")
    return _two(round(minutes / 60), 24, "d", "h")


def _two(number: int, size: int, large: str, small: str) -> str:
    whole, rest = divmod(number, size)
    return f"{whole} {large} {rest} {small}" if rest else f"{whole} {large}"

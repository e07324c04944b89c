"""End a script on Ctrl-C or SIGTERM, reliably and with a message.

A KeyboardInterrupt alone is not reliable:
- Python drops exceptions that are raised in destructors, and between a fork and its return (a long time, in which
  loader workers start);
- libraries turn a KeyboardInterrupt into errors of their own;
- cleanup may hang.
So a dropped interrupt is raised again, and a script that does not end in time is killed. That is safe: the scripts can
be interrupted at any time without damage to their files.
"""

import _thread
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

PATIENCE = 15  # seconds from the first signal until the process is killed
WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


@dataclass
class Stop:
    """The signal that asked this process to stop, if any has."""

    signum: int | None = None
    repeats: bool = False  # the next signal is a repetition by `_repeat`, because its exception was dropped

    @property
    def status(self) -> int:
        """The exit status that shells use for the signal."""
        return 128 + (self.signum or signal.SIGINT)

    @property
    def message(self) -> str:
        word = WORDS[signal.Signals(self.signum or signal.SIGINT)]
        return f"{word}; run the same command again to continue"

    def exit_now(self) -> None:
        """Print the message and end this process and its workers at once; a normal exit would wait for libraries."""
        print(self.message, file=sys.stderr, flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's own handler treats the end of a worker as a failure
        for child in multiprocessing.active_children():
            child.kill()
        os._exit(self.status)


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Raise KeyboardInterrupt in the main thread on the first SIGINT or SIGTERM; a second one ends the process at once.

    Processes forked from this one ignore SIGINT and end silently on SIGTERM: they end when this process closes their
    queues or has ended.
    """
    stop, owner = Stop(), os.getpid()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(signum: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:
            if signum == signal.SIGTERM:
                os._exit(128 + signum)
            return
        if stop.signum is None:
            stop.signum = signum
            _thread.start_new_thread(_kill_later, (stop,))  # not threading: the interrupted code may hold its locks
        elif not stop.repeats:
            os._exit(128 + signum)
        stop.repeats = False
        raise KeyboardInterrupt

    def repeat_dropped(unraisable: "sys.UnraisableHookArgs") -> None:
        if stop.signum is None:
            hook(unraisable)
        elif issubclass(unraisable.exc_type, KeyboardInterrupt):
            _thread.start_new_thread(_repeat, (stop,))  # in another thread: here it would be dropped again
        # else: errors of destructors during the shutdown, which do not matter

    hook, sys.unraisablehook = sys.unraisablehook, repeat_dropped
    before = {signum: signal.signal(signum, handle) for signum in WORDS}
    try:
        yield stop
    finally:
        if stop.signum is None:  # otherwise the process is about to end, and a second signal must still end it at once
            sys.unraisablehook = hook
            for signum, handler in before.items():
                signal.signal(signum, handler)


def _repeat(stop: Stop) -> None:
    """Raise the signal in the main thread again."""
    time.sleep(0.05)
    stop.repeats = True
    _thread.interrupt_main(signal.Signals(stop.signum or signal.SIGINT))


def _kill_later(stop: Stop) -> None:
    """End the process after PATIENCE seconds, whatever it is doing."""
    time.sleep(PATIENCE)
    os.write(2, f"{stop.message}\n".encode())
    os._exit(stop.status)

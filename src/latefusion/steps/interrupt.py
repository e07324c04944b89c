"""Ctrl-C and SIGTERM end a script once and for all, in plain words.

All that the scripts write can be cut at any moment, so whatever does not end in time is ended hard. That is needed: an
exception raised by a signal is dropped where nobody can catch it, in destructors and between fork and its return (which
takes long, and is where loader workers start), libraries turn it into their own, and tidying up may hang.
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

PATIENCE = 15  # seconds from the first signal to the hard end
WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


@dataclass
class Stop:
    """Which signal asked this process to stop, if one has."""

    signum: int | None = None
    repeats: bool = False  # the same signal once more, because its exception was dropped

    @property
    def status(self) -> int:
        """The exit status by which shells know the signal."""
        return 128 + (self.signum or signal.SIGINT)

    @property
    def message(self) -> str:
        word = WORDS[signal.Signals(self.signum or signal.SIGINT)]
        return f"{word}; run the same command again to continue"

    def leave(self) -> None:
        """Say so and end this process and its workers at once: libraries would wait for one another for seconds."""
        print(self.message, file=sys.stderr, flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's own handler takes a worker's end for a failure
        for child in multiprocessing.active_children():
            child.kill()
        os._exit(self.status)


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Raise KeyboardInterrupt in the main thread on the first SIGINT or SIGTERM; a second one ends the process at once.

    Processes forked from this one leave both to it: they end when it closes their queues or is gone.
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
            _thread.start_new_thread(_end_hard, (stop,))  # threading's own locks may be held by what was interrupted
        elif not stop.repeats:
            os._exit(128 + signum)
        stop.repeats = False
        raise KeyboardInterrupt

    def repeat_dropped(unraisable: object) -> None:
        if stop.signum is None:
            hook(unraisable)
        elif issubclass(unraisable.exc_type, KeyboardInterrupt):
            _thread.start_new_thread(_repeat, (stop,))  # not here, where it would be dropped again
        # else: what is torn down half built complains, and it does not matter any more

    hook, sys.unraisablehook = sys.unraisablehook, repeat_dropped
    before = {signum: signal.signal(signum, handle) for signum in WORDS}
    try:
        yield stop
    finally:
        if stop.signum is None:  # else the process is about to end, and a second signal still ends it at once
            sys.unraisablehook = hook
            for signum, handler in before.items():
                signal.signal(signum, handler)


def _repeat(stop: Stop) -> None:
    time.sleep(0.05)
    stop.repeats = True
    _thread.interrupt_main(stop.signum)


def _end_hard(stop: Stop) -> None:
    time.sleep(PATIENCE)
    os.write(2, f"{stop.message}\n".encode())
    os._exit(stop.status)

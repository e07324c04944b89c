"""A shared budget: a bound on the resources (pixels, bytes) that all threads together hold at one time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """A number of units (pixels, bytes) that threads acquire and release; a thread waits while too few are free."""

    def __init__(self, units: int):
        self._units = self._free = units
        self._next = threading.Lock()  # held by the waiting thread, so that small requests do not starve a large one
        self._released = threading.Condition()

    @contextmanager
    def taken(self, units: int) -> Iterator[None]:
        """Hold `units` while the block runs; a request for more than the whole budget gets the whole budget."""
        units = min(units, self._units)
        with self._next, self._released:
            self._released.wait_for(lambda: self._free >= units)
            self._free -= units
        try:
            yield
        finally:
            with self._released:
                self._free += units
                self._released.notify_all()

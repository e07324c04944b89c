"""A bound on what threads hold at once, however many threads there are."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """A number of units (pixels, bytes) that threads take and give back; who finds too few left waits."""

    def __init__(self, units: int):
        self._units = self._free = units
        self._next = threading.Lock()  # held by the one that waits, so that small takers do not starve a large one
        self._given_back = threading.Condition()

    @contextmanager
    def taken(self, units: int) -> Iterator[None]:
        """Hold `units` while the block runs; more than there are at all counts as all of them."""
        units = min(units, self._units)
        with self._next, self._given_back:
            self._given_back.wait_for(lambda: self._free >= units)
            self._free -= units
        try:
            yield
        finally:
            with self._given_back:
                self._free += units
                self._given_back.notify_all()

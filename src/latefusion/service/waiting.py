"""How many requests, and how many bytes of them, the service holds at one time."""

from collections.abc import Iterator
from contextlib import contextmanager

from latefusion.service.limits import Limits


class Waiting:
    """The requests that are read, wait or are predicted. Used by one thread, that of the event loop."""

    def __init__(self, limits: Limits):
        self.limits = limits
        self.requests = self.bytes = 0

    @contextmanager
    def admitted(self) -> Iterator["Ticket | None"]:
        """Count one request more while the block runs; yield None if there are too many."""
        if self.requests >= self.limits.waiting:
            yield None
            return
        self.requests += 1
        ticket = Ticket(self)
        try:
            yield ticket
        finally:
            self.requests -= 1
            self.bytes -= ticket.bytes


class Ticket:
    """One request that is held."""

    def __init__(self, waiting: Waiting):
        self.waiting, self.bytes = waiting, 0

    def hold(self, count: int) -> bool:
        """Count bytes of the body; return False, and do not count them, if all bodies together are too large."""
        if self.waiting.bytes + count > self.waiting.limits.waiting_bytes:
            return False
        self.waiting.bytes += count
        self.bytes += count
        return True

"""Counts and times of requests, in the text format of Prometheus and as a line for the log.

prometheus_client would write the format, a third of this module; the line would remain our own.
"""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds


class Metrics:
    """Counts of one process. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()  # by path and status
        self._within = [0] * (len(BOUNDS) + 1)  # answered predictions, by the first bound that is not exceeded
        self._seconds = 0.0
        self._products = self._batches = self._asked = 0

    def add_request(self, path: str, status: int, seconds: float) -> None:
        """Count a request; times are those of predictions that were answered."""
        with self._lock:
            self._requests[path, status] += 1
            if path == "/v1/predict" and status == 200:
                self._within[bisect_left(BOUNDS, seconds)] += 1
                self._seconds += seconds

    def add_batch(self, n_products: int, n_asked: int = 0) -> None:
        """Count a micro-batch; `n_asked`: the products for which a method on demand asked for its dear experts."""
        with self._lock:
            self._batches += 1
            self._products += n_products
            self._asked += n_asked

    def text(self, waiting: int, ready: bool) -> str:
        """Return the metrics as Prometheus reads them."""
        with self._lock:
            return "\n".join([*self._lines(waiting, ready), ""])

    def _lines(self, waiting: int, ready: bool) -> Iterator[str]:
        yield "# TYPE latefusion_ready gauge"
        yield f"latefusion_ready {int(ready)}"
        yield "# TYPE latefusion_requests_waiting gauge"
        yield f"latefusion_requests_waiting {waiting}"
        yield "# TYPE latefusion_requests_total counter"
        for (path, status), count in sorted(self._requests.items()):
            yield f'latefusion_requests_total{{path="{path}",status="{status}"}} {count}'
        yield "# TYPE latefusion_predict_seconds histogram"
        total = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self._within, strict=True):
            total += count
            yield f'latefusion_predict_seconds_bucket{{le="{bound}"}} {total}'
        yield f"latefusion_predict_seconds_sum {self._seconds:.6f}"
        yield f"latefusion_predict_seconds_count {total}"
        yield "# TYPE latefusion_products_total counter"
        yield f"latefusion_products_total {self._products}"
        yield "# TYPE latefusion_asked_total counter"
        yield f"latefusion_asked_total {self._asked}"
        yield "# TYPE latefusion_batches_total counter"
        yield f"latefusion_batches_total {self._batches}"

    def summary(self) -> str:
        """Return a line about all requests."""
        with self._lock:
            statuses: Counter[int] = Counter()
            for (_, status), count in self._requests.items():
                statuses[status] += count
            counts = ", ".join(f"{count} with status {status}" for status, count in sorted(statuses.items()))
            times = f"; half of the predictions within {self._quantile(0.5)} s, 99 % within {self._quantile(0.99)} s"
            return (
                f"{statuses.total()} requests{f' ({counts})' if counts else ''}, {self._products} products in "
                f"{self._batches} micro-batches{times if sum(self._within) else ''}"
            )

    def _quantile(self, share: float) -> str:
        """Return the bound within which this share of the predictions was answered."""
        wanted, total = share * sum(self._within), 0
        for bound, count in zip((*map(str, BOUNDS), f"more than {BOUNDS[-1]}"), self._within, strict=True):
            total += count
            if total >= wanted:
                return bound
        raise AssertionError("shares are at most 1")

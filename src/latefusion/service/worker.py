"""The one thread that predicts: it gathers the requests that wait into micro-batches.

The experts use all cores for one prediction, so predictions in several threads would only slow each other down. While
a micro-batch is predicted further requests come in, and make the next one: nothing waits for a batch to fill.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

from pydantic import BaseModel

from latefusion.service.metrics import Metrics
from latefusion.service.reading import Item

logger = logging.getLogger(__name__)
LOADING, READY, FAILED, STOPPING = "loading the model", "ready", "the model cannot be loaded", "stopping"


@dataclass(frozen=True)
class QueuedRequest:
    """The products of one request, and the future of their predictions."""

    items: list[Item]
    future: "Future[list[BaseModel]]" = field(default_factory=Future)


class Worker:
    """Predicts requests in a thread of its own; its methods may be called from any thread."""

    def __init__(
        self,
        try_out: Callable[[], None],
        predict: Callable[[list[Item]], list[BaseModel]],
        *,
        batch_size: int,
        metrics: Metrics,
    ):
        """Take `try_out`, which loads the model and predicts a product, and `predict`."""
        self.try_out, self.predict, self.batch_size, self.metrics = try_out, predict, batch_size, metrics
        self.state = LOADING
        self._jobs: deque[QueuedRequest] = deque()
        self._changed = threading.Condition()
        # A daemon: a prediction that hangs must not keep the process from its end.
        self._thread = threading.Thread(target=self._run, name="predictions", daemon=True)
        self.error: BaseException | None = None
        self.when_failed: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Load the model, and predict from then on."""
        self._thread.start()

    def submit(self, items: list[Item]) -> "Future[list[BaseModel]]":
        """Return the future of the predictions; a future that is cancelled in time is not predicted."""
        job = QueuedRequest(items)
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()
        job.future.add_done_callback(lambda future: self._forget(job) if future.cancelled() else None)
        return job.future

    def _forget(self, job: QueuedRequest) -> None:
        """Remove a cancelled request, which holds its images, if it still waits."""
        with self._changed, suppress(ValueError):
            self._jobs.remove(job)

    def stop(self, patience: float) -> bool:
        """Predict what waits, then end the thread; return whether it ended within so many seconds."""
        with self._changed:
            if self.state != FAILED:
                self.state = STOPPING
            self._changed.notify()
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.try_out()
        except BaseException as error:
            self.error, self.state = error, FAILED
            self.when_failed()
            return
        with self._changed:
            if self.state == LOADING:
                self.state = READY
        logger.info("the model is loaded")
        while jobs := self._next_batch():
            self._predict(jobs)

    def _next_batch(self) -> list[QueuedRequest]:
        """Wait for requests and return those that are predicted together; none: the worker is to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self.state == STOPPING)
            jobs: list[QueuedRequest] = []
            n_products = 0
            while self._jobs and (not jobs or n_products + len(self._jobs[0].items) <= self.batch_size):
                job = self._jobs.popleft()
                jobs.append(job)
                n_products += len(job.items)
            return jobs

    def _predict(self, jobs: list[QueuedRequest]) -> None:
        jobs = [job for job in jobs if job.future.set_running_or_notify_cancel()]
        if not jobs:
            return
        try:
            predictions = self.predict([item for job in jobs for item in job.items])
        except BaseException as error:  # all: a panic of Rust is no Exception
            if len(jobs) == 1:
                logger.error("a prediction failed", exc_info=error)
                jobs[0].future.set_exception(PredictionFailed())
            else:  # the others must not fail because of one
                for job in jobs:
                    self._predict_alone(job)
            return
        self._count(predictions)
        start = 0
        for job in jobs:
            job.future.set_result(predictions[start : start + len(job.items)])
            start += len(job.items)

    def _predict_alone(self, job: QueuedRequest) -> None:
        try:
            predictions = self.predict(job.items)
        except BaseException as error:
            logger.error("a prediction failed", exc_info=error)
            job.future.set_exception(PredictionFailed())
        else:
            self._count(predictions)
            job.future.set_result(predictions)

    def _count(self, predictions: list[BaseModel]) -> None:
        self.metrics.add_batch(len(predictions), sum(getattr(one, "asked", False) for one in predictions))


class PredictionFailed(Exception):
    """A bug; the log has its traceback."""

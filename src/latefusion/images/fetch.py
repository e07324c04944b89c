"""Fetch images from the web, each address once: several hosts at a time, each host slowly.

Writes to the folder of the images: `fetched/<hash of the address>.<suffix>`, whole files only, and when all addresses
are done `fetched/report.csv` (see `images/fetched.py`). A run that was killed goes on with what is missing; addresses
that failed are tried again. robots.txt is not asked: it is for programs that follow links to addresses that nobody
named, and here a table names each address, as on a command line.
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx2
import pandas as pd

from latefusion.images.download import Downloader, DownloadLimits, NotDownloadedError
from latefusion.images.faults import Inspector
from latefusion.images.fetched import COLUMNS, FOLDER, REPORT, fetched_path, file_stem, read_report
from latefusion.images.header import own_size_limits
from latefusion.utils.files import atomic_write
from latefusion.utils.progress import Bar

logger = logging.getLogger(__name__)

THREADS = 16  # over all hosts
LONGEST_WAIT = 120.0  # seconds; a server that asks for a longer pause is not asked again
UNREACHABLE = 5  # addresses of a host in a row without any answer, after which the host's others are not tried


@dataclass(frozen=True)
class Pace:
    """How fast servers are asked."""

    connections: int = 4  # to one host at a time
    pause: float = 0.05  # seconds between the starts of two requests to one host
    retries: int = 3  # of an address, where another attempt may do
    backoff: float = 1.0  # seconds before the first retry; doubled for each further one


class Outcome(NamedTuple):
    """What became of an address; `reason` is empty if its image was saved."""

    url: str
    file: str = ""  # relative to the folder of the images
    bytes: int = 0
    reason: str = ""


class Fetched(NamedTuple):
    """The numbers of a run."""

    saved: int
    there: int  # already, from an earlier run
    failed: pd.DataFrame  # columns: those of the report


def fetch_images(
    root: Path, urls: Iterable[str], limits: DownloadLimits | None = None, pace: Pace | None = None
) -> Fetched:
    """Fetch the images of these addresses into a subfolder of `root`, and return what became of them."""
    wanted = list(dict.fromkeys(url.strip() for url in urls))
    there = [Outcome(url, path, (root / path).stat().st_size) for url in wanted if (path := fetched_path(root, url))]
    done = {outcome.url for outcome in there}
    missing = [url for url in wanted if url not in done]
    logger.info("%d addresses: %d images are there already, %d to fetch", len(wanted), len(there), len(missing))
    fetcher = _Fetcher(root, limits or DownloadLimits(), pace or Pace())
    fetched = list(Bar(fetcher.run(missing), "fetching", total=len(missing), unit="image"))
    rows = pd.DataFrame([*there, *fetched], columns=COLUMNS)
    _write_report(root / FOLDER, rows.astype("str"))
    failed = rows[rows["file"] == ""]
    return Fetched(len(fetched) - len(failed), len(there), failed)


def _write_report(folder: Path, rows: pd.DataFrame) -> None:
    """Write the report; addresses of earlier runs, perhaps for another table, stay in it."""
    earlier = read_report(folder)
    with atomic_write(folder / REPORT) as partial:
        pd.concat([earlier[~earlier["url"].isin(rows["url"])], rows]).to_csv(partial, index=False)


@dataclass
class _Host:
    """The addresses of a host that are left, and when it may be asked next."""

    name: str
    urls: deque[str] = field(default_factory=deque)
    next_start: float = 0.0  # in seconds of `time.monotonic`
    unreachable: int = 0  # addresses in a row without an answer
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> str | None:
        """Return the next address; None if there is none left."""
        with self.lock:
            return self.urls.popleft() if self.urls else None

    def reserve(self, pause: float) -> float:
        """Return the seconds until the next request may start, and move the start of the one after it."""
        with self.lock:
            now = time.monotonic()
            start = max(now, self.next_start)
            self.next_start = start + pause
            return start - now

    def rest(self, seconds: float) -> None:
        """Start no request for this time."""
        with self.lock:
            self.next_start = max(self.next_start, time.monotonic() + seconds)

    def answered(self, *, is_reached: bool) -> None:
        with self.lock:
            self.unreachable = 0 if is_reached else self.unreachable + 1


class _StoppedError(Exception):
    """The run ends."""


class _Fetcher:
    """Threads that each take a host and ask it for its addresses, until all hosts are done."""

    def __init__(self, root: Path, limits: DownloadLimits, pace: Pace):
        self.root, self.limits, self.pace = root, limits, pace
        self.inspector = Inspector(root)
        self.context = httpx2.create_ssl_context()  # once: it reads all certificates
        self.hosts: SimpleQueue[_Host | None] = SimpleQueue()
        self.outcomes: SimpleQueue[Outcome | BaseException] = SimpleQueue()
        self.stop = threading.Event()
        self.downloaders: list[Downloader] = []

    def run(self, urls: list[str]) -> Iterator[Outcome]:
        """Yield what becomes of each address, in the order in which they are done."""
        hosts = self._by_host(urls)
        for _ in range(self.pace.connections):
            for host in hosts:
                self.hosts.put(host)
        n_threads = min(THREADS, len(hosts) * self.pace.connections, len(urls))
        with own_size_limits(), self._threads(n_threads):
            for _ in urls:
                outcome = self.outcomes.get()
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome

    def _by_host(self, urls: list[str]) -> list[_Host]:
        hosts: dict[str, _Host] = {}
        for url in urls:
            name = _host_name(url)
            hosts.setdefault(name, _Host(name)).urls.append(url)
        return list(hosts.values())

    @contextmanager
    def _threads(self, number: int) -> Iterator[None]:
        """Run the threads; at the end, also after an error or an interrupt, end their requests and wait for them."""
        with ThreadPoolExecutor(max(number, 1), thread_name_prefix="fetch") as pool:
            for _ in range(number):
                self.hosts.put(None)
                pool.submit(self._work)
            try:
                yield
            finally:
                self.stop.set()
                for downloader in self.downloaders:
                    downloader.abort()

    def _work(self) -> None:
        try:
            with Downloader(self.limits, self.inspector, self.context) as downloader:
                self.downloaders.append(downloader)
                while (host := self.hosts.get()) is not None:
                    while (url := host.take()) is not None:
                        self.outcomes.put(self._fetch(downloader, host, url))
        except _StoppedError:
            pass
        except BaseException as error:  # raised in the main thread
            self.outcomes.put(error)

    def _fetch(self, downloader: Downloader, host: _Host, url: str) -> Outcome:
        """Download and save one image, with retries."""
        for attempt in range(self.pace.retries + 1):
            if host.unreachable >= UNREACHABLE:
                return Outcome(url, reason=f"not tried: {host.name} did not answer {UNREACHABLE} times in a row")
            self._wait(host.reserve(self.pace.pause))
            try:
                content, suffix = downloader.download(url)
            except NotDownloadedError as error:
                wait = max(error.wait, self.pace.backoff * 2**attempt * random.uniform(0.75, 1.25))
                if error.again and attempt < self.pace.retries and wait <= LONGEST_WAIT:
                    if error.busy:
                        host.rest(wait)
                    self._wait(wait)
                    continue
                host.answered(is_reached=not error.unreachable)
                return Outcome(url, reason=error.reason)
            host.answered(is_reached=True)
            return self._save(url, content, suffix)
        raise AssertionError("the last attempt returns")

    def _save(self, url: str, content: bytes, suffix: str) -> Outcome:
        path = f"{FOLDER}/{file_stem(url)}{suffix}"
        with atomic_write(self.root / path) as partial:
            partial.write_bytes(content)
        return Outcome(url, path, len(content))

    def _wait(self, seconds: float) -> None:
        """Wait. Raises _StoppedError if the run ends."""
        if self.stop.wait(seconds):
            raise _StoppedError


def _host_name(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:  # an address that cannot be read; the download says so
        return ""

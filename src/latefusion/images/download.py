"""Download one image from the web, or say why it cannot be: wrong type, too large, too slow, an address inside.

Addresses come from tables of others. So a server is not trusted: sizes and times are limited, redirects are counted,
and only addresses on the internet are asked, which is checked at the connection itself (a name may resolve to another
address when it is asked again). An HTTP proxy of the environment decides for itself what it can reach.
"""

import io
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2

from latefusion.images.faults import Inspector
from latefusion.images.fetched import SUFFIXES
from latefusion.images.header import open_header

USER_AGENT = "latefusion-fetch-images (product images named in a shop's table; fetched once)"
HEADERS = {"User-Agent": USER_AGENT, "Accept": "image/*,*/*;q=0.1", "Accept-Encoding": "identity"}
AGAIN = {408, 425, 429, 500, 502, 503, 504}  # answers that may be another one later
BUSY = {429, 503}  # answers that ask for fewer requests


@dataclass(frozen=True)
class DownloadLimits:
    """What a download may take."""

    max_bytes: int = 20_000_000
    seconds: float = 60.0  # of one request with its redirects, until the last byte
    silence: float = 15.0  # seconds without a byte, and seconds to connect
    redirects: int = 5
    allow_private: bool = False  # also ask addresses of this machine and of local networks


class NotDownloadedError(Exception):
    """Why an image was not downloaded; `again`: another attempt may do, after `wait` seconds if the server says so."""

    def __init__(self, reason: str, *, again: bool = False, unreachable: bool = False):
        super().__init__(reason)
        self.reason, self.again, self.unreachable = reason, again, unreachable
        self.busy, self.wait = False, 0.0


class Downloader:
    """Downloads images, one after another; each thread needs its own."""

    def __init__(self, limits: DownloadLimits, inspector: Inspector, context: ssl.SSLContext):
        self.limits, self.inspector = limits, inspector
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx2.Client(
            headers=HEADERS, cookies=no_cookies, verify=context, timeout=limits.silence, follow_redirects=False
        )
        self._sockets: list[socket.socket] = []  # of all connections that may be open
        self._deadline = 0.0

    def __enter__(self) -> "Downloader":
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def download(self, url: str) -> tuple[bytes, str]:
        """Return an image file's content and its suffix. Raises NotDownloadedError."""
        with self._within_time(), _explained():
            content = self._get(url)
        fault, _ = self.inspector.check_content(content)
        if fault is not None:
            raise NotDownloadedError(fault, again=fault == "truncated")
        return content, suffix_of(content)

    def abort(self) -> None:
        """End the request that another thread is waiting for."""
        for one in self._sockets:
            with suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)  # not that of SSL sockets, which another thread reads

    def _get(self, url: str) -> bytes:
        """Return the answer's content, after redirects."""
        target = httpx2.URL(url)
        for hop in range(self.limits.redirects + 1):
            if target.scheme not in ("http", "https") or not target.host:
                raise NotDownloadedError(
                    f"redirected to {target}, which is not on the web" if hop else "not an address"
                )
            if not self.limits.allow_private:
                _refuse_local_name(target.host)
            with self._client.stream("GET", target, extensions={"trace": self._guard(target)}) as response:
                if response.next_request is None:
                    return self._read(response)
                target = response.next_request.url
        raise NotDownloadedError(f"more than {self.limits.redirects} redirects")

    def _read(self, response: httpx2.Response) -> bytes:
        """Return the content of an answer. Raises NotDownloadedError unless it is complete and not too large."""
        if response.status_code != 200:
            error = NotDownloadedError(str(response.status_code), again=response.status_code in AGAIN)
            error.busy = response.status_code in BUSY
            error.wait = seconds_to_wait(response.headers.get("Retry-After", ""))
            raise error
        limit = self.limits.max_bytes
        announced = response.headers.get("Content-Length", "")
        if announced.isdigit() and int(announced) > limit:
            raise NotDownloadedError(f"too large: {int(announced):,} bytes")
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > limit:
                raise NotDownloadedError(f"too large: more than {limit:,} bytes")
        return bytes(content)

    @contextmanager
    def _within_time(self) -> Iterator[None]:
        """End what is inside when the time is up: a timeout of the library begins again with each byte."""
        self._sockets = [one for one in self._sockets if one.fileno() >= 0]
        self._deadline = time.monotonic() + self.limits.seconds
        timer = threading.Timer(self.limits.seconds, self.abort)
        timer.daemon = True
        timer.start()
        try:
            yield
            self._refuse_late()  # a connection that was ended looks like a file that has ended
        except NotDownloadedError as error:
            if error.again:
                self._refuse_late()
            raise
        finally:
            timer.cancel()

    def _refuse_late(self) -> None:
        if time.monotonic() >= self._deadline:
            raise NotDownloadedError(f"took more than {self.limits.seconds:g} seconds", again=True) from None

    def _guard(self, target: httpx2.URL) -> Callable[[str, dict[str, Any]], None]:
        """Return a function that httpx calls at each event of a request: it refuses connections to local addresses."""
        is_direct = True

        def check(event: str, info: dict[str, Any]) -> None:
            nonlocal is_direct
            if event == "connection.connect_tcp.started":
                is_direct = info["host"] == target.raw_host.decode("ascii")  # otherwise a proxy
            elif event == "connection.connect_tcp.complete":
                stream = info["return_value"]
                address = stream.get_extra_info("server_addr")[0]
                if is_direct and not self.limits.allow_private and not is_public(address):
                    stream.close()
                    raise NotDownloadedError(f"{target.host} is {address}, an address of a local network")
                if time.monotonic() >= self._deadline:
                    stream.close()
                    self._refuse_late()
                self._sockets.append(stream.get_extra_info("socket"))
            elif event == "connection.start_tls.complete":
                self._sockets.append(info["return_value"].get_extra_info("socket"))

        return check


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the errors of a request into NotDownloadedError."""
    try:
        yield
    except httpx2.ConnectTimeout:
        raise NotDownloadedError("no connection in time", again=True, unreachable=True) from None
    except httpx2.ConnectError as error:
        raise NotDownloadedError(f"no connection: {_one_line(error)}", again=True, unreachable=True) from None
    except httpx2.TimeoutException:
        raise NotDownloadedError("no answer in time", again=True, unreachable=True) from None
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, UnicodeError) as error:
        raise NotDownloadedError(f"not an address: {_one_line(error)}") from None
    except httpx2.HTTPError as error:  # the connection was closed early, or what came is not HTTP
        raise NotDownloadedError(f"the answer broke off: {_one_line(error)}", again=True) from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _refuse_local_name(host: str) -> None:
    """Raise NotDownloadedError for local addresses and for localhost, even if a proxy would ask them."""
    try:
        is_local = not is_public(host.strip("[]"))
    except ValueError:  # a name
        is_local = host.rstrip(".").lower().endswith("localhost")
    if is_local:
        raise NotDownloadedError(f"{host} is an address of a local network")


def is_public(address: str) -> bool:
    """Return whether an IP address is on the internet. Raises ValueError if it is no IP address."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if inner is not None:
            return is_public(str(inner))
        if found in ipaddress.ip_network("64:ff9b::/96"):  # an IPv4 address behind a translator (RFC 6052)
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
    return found.is_global and not found.is_multicast


def seconds_to_wait(retry_after: str) -> float:
    """Return the seconds that a header Retry-After asks for: a number or a date; 0 if it says nothing readable."""
    try:
        if retry_after.strip().isdecimal():
            return float(retry_after)
        date = parsedate_to_datetime(retry_after)
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def suffix_of(content: bytes) -> str:
    """Return the suffix of an image file's format."""
    with open_header(io.BytesIO(content)) as image:
        return SUFFIXES[image.format]

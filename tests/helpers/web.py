"""A web server on this machine, as shops have them: with good images, and with every fault that a client meets."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np


def encoded(number: int = 0, suffix: str = ".png", side: int = 24) -> bytes:
    """Return an image file; its content depends on the number."""
    pixels = np.random.default_rng(number).integers(0, 255, (side, side, 3), dtype=np.uint8)
    return cv2.imencode(suffix, pixels)[1].tobytes()


class Web:
    """The server's address, and how often each path was asked for."""

    def __init__(self, server: ThreadingHTTPServer):
        self.server, self.asked = server, Counter[str]()
        self.times: list[float] = []
        self.agents: set[str] = set()
        self.answers: dict[str, bytes] = {}  # by path, for images that a test chooses
        self.closing = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{path}"


class Handler(BaseHTTPRequestHandler):
    """Answers by the first word of the path: /good/3.png, /flaky/3.png, /endless, ..."""

    protocol_version = "HTTP/1.1"
    web: Web

    def log_message(self, *arguments) -> None:
        pass

    def do_GET(self) -> None:
        web, path = self.web, self.path.strip("/")
        web.asked[path] += 1
        web.times.append(time.monotonic())
        web.agents.add(self.headers["User-Agent"])
        kind, _, rest = path.partition("/")
        if path in web.answers:
            return self.send(200, web.answers[path])
        number = int("".join(filter(str.isdigit, rest)) or 0)
        getattr(self, f"answer_{kind}", self.answer_missing)(number, f".{rest.rpartition('.')[2]}")
        return None

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer_missing(self, number: int, suffix: str) -> None:
        self.send(404, b"no such image")

    def answer_good(self, number: int, suffix: str) -> None:
        self.send(200, encoded(number, suffix), Content_Type="text/plain")  # as careless servers say

    def answer_flaky(self, number: int, suffix: str) -> None:
        """Answer 500 once, then with the image."""
        first = self.web.asked[self.path.strip("/")] == 1
        self.send(500, b"") if first else self.answer_good(number, suffix)

    def answer_busy(self, number: int, suffix: str) -> None:
        """Ask for a pause of a second, once."""
        first = self.web.asked[self.path.strip("/")] == 1
        self.send(429, b"", Retry_After="1") if first else self.answer_good(number, suffix)

    def answer_closed(self, number: int, suffix: str) -> None:
        """Ask for a pause of a day."""
        self.send(503, b"", Retry_After="86400")

    def answer_page(self, number: int, suffix: str) -> None:
        self.send(200, b"<html>please log in</html>", Content_Type="image/jpeg")

    def answer_svg(self, number: int, suffix: str) -> None:
        self.send(200, b"<svg xmlns='http://www.w3.org/2000/svg'/>", Content_Type="image/svg+xml")

    def answer_silent(self, number: int, suffix: str) -> None:
        self.web.closing.wait(20)

    def answer_dripping(self, number: int, suffix: str) -> None:
        """Send a byte now and then: no timeout between two bytes ends this."""
        self.send_response(200)
        self.end_headers()
        self.drip(b"x")

    def answer_slowheader(self, number: int, suffix: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        self.drip(b"x")

    def drip(self, byte: bytes) -> None:
        while not self.web.closing.wait(0.05):
            self.wfile.write(byte)
        self.close_connection = True

    def answer_endless(self, number: int, suffix: str) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.web.closing.is_set():
            self.wfile.write(b"\xff\xd8" * 50_000)

    def answer_large(self, number: int, suffix: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(10**12))
        self.end_headers()

    def answer_hugeheader(self, number: int, suffix: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Huge: " + b"x" * 300_000 + b"\r\n\r\n")
        self.close_connection = True

    def answer_truncated(self, number: int, suffix: str) -> None:
        """Announce a whole image and close the connection after half of it."""
        body = encoded(number)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.close_connection = True

    def answer_cut(self, number: int, suffix: str) -> None:
        """Send half of an image, and say that this is all."""
        body = encoded(number, ".jpg", side=300)
        self.send(200, body[: len(body) // 2])

    def answer_noise(self, number: int, suffix: str) -> None:
        self.wfile.write(b"\x00\x01SSH-2.0\r\n\r\n")
        self.close_connection = True

    def answer_loop(self, number: int, suffix: str) -> None:
        self.send(302, b"", Location=f"/loop/{number + 1}")

    def answer_moved(self, number: int, suffix: str) -> None:
        self.send(301, b"", Location=f"../good/{number}{suffix}")

    def answer_intofile(self, number: int, suffix: str) -> None:
        self.send(302, b"", Location="file:///etc/passwd")

    def answer_inside(self, number: int, suffix: str) -> None:
        """Redirect to this machine, by a name that does not show it."""
        self.send(302, b"", Location=f"http://0.0.0.0:{self.server.server_port}/good/{number}{suffix}")


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        pass  # clients close connections that take too long


@contextmanager
def serving() -> Iterator[Web]:
    """Run the server until the end of the block."""
    handler = type("Own", (Handler,), {})
    server = QuietServer(("127.0.0.1", 0), handler)
    web = handler.web = Web(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        web.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]

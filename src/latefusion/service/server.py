"""Run the application: listen, serve until a signal comes, finish what runs."""

import logging
import os
import socket
import sys
from types import FrameType

import uvicorn

from latefusion.service.app import Service
from latefusion.service.limits import Limits
from latefusion.utils.errors import InputError

logger = logging.getLogger(__name__)
BACKLOG = 2048  # connections that the system accepts for us while the event loop is busy
GRACE = 2  # seconds beside those of a request


class Server(uvicorn.Server):
    """A server that ends with status 0 when it is asked to stop."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop on the first signal; on a second one, at once. Uvicorn would raise the signal again."""
        if self.should_exit:
            logging.shutdown()
            os._exit(0)
        self.should_exit = True


def run_server(app: Service, *, host: str, port: int, limits: Limits) -> None:
    """Serve until SIGINT or SIGTERM. Raises InputError if the port cannot be used, or what loading the model raises."""
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=int(limits.seconds) + GRACE,
    )
    server, worker = Server(config), app.state.worker
    worker.when_failed = lambda: setattr(server, "should_exit", True)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    name = f"[{host}]" if ":" in host else host
    print(f"http://{name}:{listener.getsockname()[1]}", flush=True)
    server.run(sockets=[listener])
    if worker.error is not None:
        raise worker.error
    logger.info(app.state.metrics.summary())
    if not worker.stop(0):
        logger.error("a prediction did not end in time: it is given up")
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)  # a normal exit would end libraries while the prediction uses them


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises InputError if it cannot."""
    if not 0 <= port <= 65535:
        raise InputError(f"--port {port}: give a number from 1 to 65535, or 0 for a free port")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}; choose others with --host and --port"
        ) from None

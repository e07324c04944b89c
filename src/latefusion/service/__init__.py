"""The HTTP service: an exported model behind a JSON endpoint, and a page to try it."""

from latefusion.service.app import create_app
from latefusion.service.limits import Limits
from latefusion.service.server import run_server

__all__ = ["Limits", "create_app", "run_server"]

"""Networks on torch's meta device, where tensors have shapes and no numbers: built in moments, without memory."""

from collections.abc import Callable
from typing import TypeVar

import torch

from latefusion.utils.errors import InputError

T = TypeVar("T")

# What libraries raise where arguments do not go together: a wrong name, size or type, deep within a network.
BUILD_ERRORS = (TypeError, ValueError, AssertionError, RuntimeError, AttributeError, LookupError, ArithmeticError)


class NeedsNumbers(Exception):
    """A network computes with its numbers while it is built, and the meta device has none."""


def on_meta(build: Callable[[], T], failure: str) -> T:
    """Build or run a network on the meta device. Raises InputError that begins with `failure`."""
    try:
        with torch.device("meta"), torch.no_grad():
            return build()
    except (InputError, *BUILD_ERRORS) as error:
        if "meta tensor" in str(error) or "'Meta'" in str(error):
            raise NeedsNumbers(str(error)) from None
        if isinstance(error, InputError):
            raise
        raise InputError(f"{failure}: {error or type(error).__name__}") from None

"""Build networks on the meta device of torch: tensors have shapes but no data, which is fast and needs no memory."""

from collections.abc import Callable
from typing import TypeVar

import torch

from latefusion.utils.errors import InputError

T = TypeVar("T")

# The errors that torch, timm and transformers raise on a wrong name, size or type of an argument.
BUILD_ERRORS = (TypeError, ValueError, AssertionError, RuntimeError, AttributeError, LookupError, ArithmeticError)


class NeedsRealTensors(Exception):
    """The network reads values of tensors while it is built; on the meta device there are none."""


def on_meta(build: Callable[[], T], failure: str) -> T:
    """Return `build()` on the meta device.

    Raises InputError, beginning with `failure`, if the network cannot be built or run; NeedsRealTensors if it can be
    built only with real tensors.
    """
    try:
        with torch.device("meta"), torch.no_grad():
            return build()
    except (InputError, *BUILD_ERRORS) as error:
        if "meta tensor" in str(error) or "'Meta'" in str(error):
            raise NeedsRealTensors(str(error)) from None
        if isinstance(error, InputError):
            raise
        raise InputError(f"{failure}: {error or type(error).__name__}") from None

"""Find out what is wrong with an image file: read it once, and decode it as in training."""

import io
import stat
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from latefusion.images.fetched import failures
from latefusion.images.files import ABSENT, MAX_BYTES, FileState, hash_bytes
from latefusion.images.header import MAX_PIXELS, MAX_SIDE, open_header
from latefusion.images.perceptual_hash import image_hash, read_grey
from latefusion.images.store import fits_its_chunks
from latefusion.utils.budget import Budget

TAIL_BYTES = 64  # the end marker may be anywhere in this many last bytes: some cameras and shops pad files
ENDINGS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
DAMAGE = (  # errors of Pillow's decoders, besides OSError
    SyntaxError, ValueError, EOFError, LookupError, TypeError, RuntimeError, ArithmeticError, struct.error, zlib.error,
)  # fmt: skip


class Finding(NamedTuple):
    """The result for one image file; `fault` is None if the image can be used."""

    fault: str | None
    state: FileState
    hash: int | None = None


class Inspector:
    """Checks image files in any number of threads; together they hold at most MAX_BYTES and MAX_PIXELS at one time."""

    def __init__(self, root: Path):
        self.root, self.bytes, self.pixels = root, Budget(MAX_BYTES), Budget(MAX_PIXELS)

    def inspect(self, path: str) -> Finding:
        """Return fault, state and perceptual hash of a file; `path` is relative to the root."""
        try:
            status = (self.root / path).stat()
        except (FileNotFoundError, NotADirectoryError):
            if "://" not in path:
                return Finding("missing", ABSENT)
            return Finding(f"not downloaded: {failures(self.root).get(path.strip(), 'not tried')}", ABSENT)
        except (OSError, ValueError) as error:  # ValueError: not a valid file name
            return Finding(f"unreadable: {getattr(error, 'strerror', error)}", ABSENT)
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would block
            return Finding("not a regular file", ABSENT)
        unread = FileState(status.st_size, status.st_mtime_ns)
        if status.st_size > MAX_BYTES:
            return Finding(f"too large: {status.st_size:,} bytes", unread)
        with self.bytes.taken(status.st_size):
            try:
                content = (self.root / path).read_bytes()
            except OSError as error:
                return Finding(f"unreadable: {error.strerror}", unread)
            fault, hash_ = self.check_content(content)
            return Finding(fault, unread._replace(blake2b=hash_bytes(content)), hash_)

    def check_content(self, content: bytes) -> tuple[str | None, int | None]:
        """Return the fault of a file's content and, if there is none, the image's perceptual hash."""
        if not content:
            return "empty file", None
        try:
            with open_header(io.BytesIO(content)) as image:
                if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
                    return f"too large: {image.width} x {image.height}", None
                with self.pixels.taken(image.width * image.height):
                    return _decode(image, content)
        except UnidentifiedImageError:
            return "not an image", None
        except (OSError, *DAMAGE) as error:
            return "truncated" if "truncated" in str(error) else f"unreadable: {' '.join(str(error).split())}", None


def _decode(image: Image.Image, content: bytes) -> tuple[str | None, int | None]:
    """Return the fault and the hash: decode with OpenCV, as in training.

    If that fails, or the end marker is missing, Pillow decodes the image too; its error says what is wrong.
    """
    encoded = np.frombuffer(content, dtype=np.uint8)
    grey = read_grey(encoded)
    if grey is None and image.format == "PNG" and not fits_its_chunks(encoded):
        return "truncated", None
    ending = ENDINGS.get(image.format)
    if grey is None or ending is None or ending not in content[-TAIL_BYTES:]:
        image.load()
    if grey is None:
        return f"unreadable: OpenCV does not decode this kind of {image.format} ({image.mode})", None
    return None, image_hash(grey)

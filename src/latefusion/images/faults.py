"""What is wrong with one image file, told from its bytes: they are read once, and decoded as in training."""

import io
import stat
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from latefusion.images.files import ABSENT, MAX_BYTES, FileState, hash_bytes
from latefusion.images.header import MAX_PIXELS, MAX_SIDE, open_header
from latefusion.images.perceptual_hash import image_hash, read_grey
from latefusion.images.store import fits_its_chunks
from latefusion.utils.budget import Budget

TAIL_BYTES = 64  # some cameras and shops pad the end
ENDINGS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
DAMAGE = (  # what Pillow's decoders raise, besides OSError
    SyntaxError, ValueError, EOFError, LookupError, TypeError, RuntimeError, ArithmeticError, struct.error, zlib.error,
)  # fmt: skip


class Finding(NamedTuple):
    """What was found out about an image file; `fault` is None for one that can be used."""

    fault: str | None
    state: FileState
    hash: int | None = None


class Inspector:
    """Reads files for any number of threads, which together hold no more than MAX_BYTES and MAX_PIXELS at once."""

    def __init__(self, root: Path):
        self.root, self.bytes, self.pixels = root, Budget(MAX_BYTES), Budget(MAX_PIXELS)

    def inspect(self, path: str) -> Finding:
        """Return what there is to say about a file."""
        try:
            status = (self.root / path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return Finding("missing", ABSENT)
        except (OSError, ValueError) as error:  # ValueError: a name that no file can have
            return Finding(f"unreadable: {getattr(error, 'strerror', error)}", ABSENT)
        if not stat.S_ISREG(status.st_mode):  # to open a pipe would be to wait for ever
            return Finding("not a regular file", ABSENT)
        unread = FileState(status.st_size, status.st_mtime_ns)
        if status.st_size > MAX_BYTES:
            return Finding(f"too large: {status.st_size:,} bytes", unread)
        with self.bytes.taken(status.st_size):
            try:
                content = (self.root / path).read_bytes()
            except OSError as error:
                return Finding(f"unreadable: {error.strerror}", unread)
            fault, hash_ = self._look_at(content)
            return Finding(fault, unread._replace(blake2b=hash_bytes(content)), hash_)

    def _look_at(self, content: bytes) -> tuple[str | None, int | None]:
        """Return the fault of a file's content, and the image's hash where there is none."""
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
    """Decode with OpenCV, as training will; where that fails, or the end is missing, Pillow says what is wrong."""
    encoded = np.frombuffer(content, dtype=np.uint8)
    grey = read_grey(encoded)
    if grey is None and image.format == "PNG" and not fits_its_chunks(encoded):
        return "truncated", None
    ending = ENDINGS.get(image.format)
    if grey is None or ending is None or ending not in content[-TAIL_BYTES:]:
        image.load()
    if grey is None:
        return f"unreadable: a {image.format} of a kind OpenCV does not decode ({image.mode})", None
    return None, image_hash(grey)

"""Turn images upright, by the orientation in their files: a number from 1 to 8, from EXIF or AVIF's own.

OpenCV itself does this for TIFF and for images without transparency, but never for AVIF.
"""

import io
import struct

import cv2
import numpy as np
from PIL import Image

ORIENTATION = 0x0112  # the number of the EXIF tag
BYTE_ORDERS = {b"II": "<", b"MM": ">"}
TURNS = {
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: np.rot90(image),
}


def turn(image: np.ndarray, orientation: int) -> np.ndarray:
    """Return the (H, W, 3) image upright; an orientation outside 1 to 8 changes nothing."""
    return np.ascontiguousarray(TURNS[orientation](image)) if orientation in TURNS else image


def read_orientation(encoded: np.ndarray, kinds: tuple = (), blocks: tuple = ()) -> int:
    """Return the orientation in a file's bytes that OpenCV has not applied yet; 1 if there is none.

    `kinds` and `blocks` are the metadata that OpenCV found.
    """
    if encoded[4:8].tobytes() == b"ftyp":  # AVIF
        with Image.open(io.BytesIO(encoded), formats=["AVIF"]) as image:
            return exif_orientation(image.info.get("exif", b""))
    found = dict(zip(kinds, blocks, strict=True))
    return exif_orientation(found[cv2.IMAGE_METADATA_EXIF].tobytes()) if cv2.IMAGE_METADATA_EXIF in found else 1


def exif_orientation(exif: bytes) -> int:
    """Return the orientation in a block of EXIF data; 1 (upright) if there is none or the block is damaged."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = BYTE_ORDERS.get(exif[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        entries = (struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * entry) for entry in range(count))
        return next((value for tag, _, _, value in entries if tag == ORIENTATION), 1)
    except struct.error:
        return 1

"""A 64-bit perceptual hash: nearly the same number after an image is saved at another size or quality.

The DCT hash of pHash (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010; `phash` in
ImageHash): 32 x 32 grey levels, the 8 x 8 lowest frequencies, each compared with their median. Not ImageHash itself:
it decodes each image in full, a second time, and knows nothing of one-coloured ones.
"""

import cv2
import numpy as np

from latefusion.images.store import decode_bytes, is_jpeg, resize

SIDE = 32  # pixels of the thumbnail
LOW = 8  # lowest frequencies per axis
MIN_HALF_SIDE = 6 * SIDE  # pixels of the shorter side; below, the borders of a half-size image would change the hash
FLAT = 1.0  # grey levels; with a smaller standard deviation the image is one colour, and its hash would be noise


def image_hash(grey: np.ndarray) -> int | None:
    """Return the hash of an (H, W) image, None for an image of a single colour."""
    thumbnail = resize(grey.astype(np.float32), SIDE)
    if thumbnail.std() < FLAT:
        return None
    low = cv2.dct(thumbnail)[:LOW, :LOW]
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes())


def read_grey(encoded: np.ndarray) -> np.ndarray | None:
    """Return the image in a file's bytes as (H, W) uint8, upright; None if `decode_bytes` would return None.

    A JPEG is decoded at half its size, which is faster; it is still read to its end, so the same damage is found.
    """
    if is_jpeg(encoded):
        try:
            half = cv2.imdecode(encoded, cv2.IMREAD_REDUCED_GRAYSCALE_2)
        except cv2.error:
            return None
        if half is not None and min(half.shape) >= MIN_HALF_SIDE:
            return half
    image = decode_bytes(encoded)
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)

"""Made-up images."""

import cv2
import numpy as np
from PIL import Image


def photograph(seed: int, width: int = 500, height: int = 420) -> Image.Image:
    """Smooth colours in front of white."""
    blurred = cv2.resize(np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8), (width - 40, height - 40))
    return Image.fromarray(np.pad(blurred, ((20, 20), (20, 20), (0, 0)), constant_values=255))


def turned_right() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: to be shown turned by 90 degrees
    return exif

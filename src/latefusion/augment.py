"""Image transforms; the only module that knows albumentations (2.0.8, MIT, frozen upstream).

albumentations ignores global seeds, so each picture is drawn from a seed of its own: the same epoch of the same product
looks the same in any worker, any process and after a resume.
"""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for a newer release at import

import albumentations as A
import numpy as np

from latefusion.config import ImageInput
from latefusion.images import NO_IMAGE_GREY


def training_transform(image: ImageInput) -> A.Compose:
    """Rotate, crop at random and flip; on (resize, resize, 3) uint8, giving (crop, crop, 3) uint8."""
    steps = []
    if image.rotate:
        steps.append(A.Rotate(limit=(-image.rotate, image.rotate), fill=NO_IMAGE_GREY, p=1.0))
    steps.append(A.RandomCrop(image.crop, image.crop))
    if image.flip:
        steps.append(A.HorizontalFlip(p=0.5))
    return A.Compose(steps, seed=0)


def augment(transform: A.Compose, image: np.ndarray, seed: int) -> np.ndarray:
    """Apply the transform as drawn by `seed`."""
    transform.set_random_seed(seed)
    return transform(image=image)["image"]


def centre_crop(image: np.ndarray, crop: int) -> np.ndarray:
    """Return the middle (crop, crop, 3) of a picture: what the network sees at evaluation."""
    top, left = ((side - crop) // 2 for side in image.shape[:2])
    return np.ascontiguousarray(image[top : top + crop, left : left + crop])

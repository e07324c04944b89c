"""Image transforms; the only module that knows albumentations (2.0.8, MIT, frozen upstream).

albumentations ignores global seeds, so each image is drawn from a seed of its own: the same epoch of the same product
looks the same in any worker, any process and after a resume.

Its own Rotate turns the whole resized image of which a crop is kept. Here enlarging, turning and cropping are one
affine map from the image to the crop, three times as fast; drawn as albumentations draws them.
"""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for a newer release at import

import albumentations as A
import cv2
import numpy as np

from latefusion.config import ImageInput
from latefusion.images.store import NO_IMAGE_GREY, resize


class TurnedCrop(A.ImageOnlyTransform):
    """Resize to a square, turn by up to `limit` degrees, crop at random; what was outside the image is white.

    (H, W, 3) uint8 to (crop, crop, 3) uint8. Without a turn it gives a crop of `images.resize`, but for rounding.
    """

    def __init__(self, side: int, crop: int, limit: float):
        super().__init__(p=1.0)
        self.side, self.crop, self.limit = side, crop, limit

    def get_params(self) -> dict:
        margin = self.side - self.crop
        return {
            "angle": self.py_random.uniform(-self.limit, self.limit),
            "left": self.py_random.randint(0, margin),
            "top": self.py_random.randint(0, margin),
        }

    def apply(self, img: np.ndarray, *, angle: float, left: int, top: int, **_) -> np.ndarray:
        if max(img.shape[:2]) > self.side:  # an affine map takes single points: only the resizer averages areas
            img = resize(img, self.side)
        turn = cv2.getRotationMatrix2D(((self.side - 1) / 2,) * 2, angle, 1.0)
        turn[:, 2] += turn[:, :2] @ (left, top)  # from the crop to the resized square ...
        scale = np.array(img.shape[1::-1]) / self.side
        to_image = scale[:, None] * turn
        to_image[:, 2] += (scale - 1) / 2  # ... and on to the image; pixels are at the middle of their area
        return _warp(img, to_image, self.crop)


def _warp(image: np.ndarray, to_image: np.ndarray, side: int) -> np.ndarray:
    """Return the (side, side, 3) whose points are those of `image` that the (2, 3) affine map gives."""
    four = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)  # OpenCV 5 warps four channels 2.6 times as fast as three
    white = (NO_IMAGE_GREY,) * 4
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.cvtColor(
        cv2.warpAffine(four, to_image, (side, side), flags=flags, borderValue=white), cv2.COLOR_RGBA2RGB
    )


def training_transform(image: ImageInput) -> A.Compose:
    """Resize, turn, crop at random and flip; (H, W, 3) uint8 to (crop, crop, 3) uint8."""
    steps = [TurnedCrop(image.resize, image.crop, image.rotate)]
    if image.flip:
        steps.append(A.HorizontalFlip(p=0.5))
    return A.Compose(steps, seed=0)


def augment(transform: A.Compose, image: np.ndarray, seed: int) -> np.ndarray:
    """Apply the transform as drawn by `seed`."""
    transform.set_random_seed(seed)
    return transform(image=image)["image"]


def centre_crop(image: np.ndarray, crop: int) -> np.ndarray:
    """Return the middle (crop, crop, 3) of an image: what the network sees at evaluation."""
    top, left = ((side - crop) // 2 for side in image.shape[:2])
    return np.ascontiguousarray(image[top : top + crop, left : left + crop])

"""Image transforms; the only module that imports albumentations (2.0.8, MIT, no longer developed).

albumentations ignores global seeds, so each image gets a seed of its own: a product's image in an epoch is the same in
any worker, in any process and after a resume.

albumentations' own Rotate rotates the whole resized image, of which only a crop is kept. Here resizing, rotation and
crop are one affine map from the image to the crop, which is three times as fast. The random numbers are drawn as in
albumentations.
"""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # otherwise it searches the internet for updates when imported

import albumentations as A
import cv2
import numpy as np

from latefusion.config import ImageInput
from latefusion.images.store import NO_IMAGE_GREY, resize


class RotatedCrop(A.ImageOnlyTransform):
    """Resize to a square, rotate by up to `limit` degrees, crop at random; areas outside the image are white.

    (H, W, 3) uint8 to (crop, crop, 3) uint8. Without rotation the result is a crop of `images.store.resize`, except for
    rounding.
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
        if max(img.shape[:2]) > self.side:  # an affine map samples single points; only `resize` averages areas
            img = resize(img, self.side)
        rotation = cv2.getRotationMatrix2D(((self.side - 1) / 2,) * 2, angle, 1.0)
        rotation[:, 2] += rotation[:, :2] @ (left, top)  # from the crop to the resized square ...
        scale = np.array(img.shape[1::-1]) / self.side
        to_image = scale[:, None] * rotation
        to_image[:, 2] += (scale - 1) / 2  # ... and then to the image; the position of a pixel is its centre
        return _warp(img, to_image, self.crop)


def _warp(image: np.ndarray, to_image: np.ndarray, side: int) -> np.ndarray:
    """Return a (side, side, 3) image; the (2, 3) affine map `to_image` gives for each pixel its position in `image`."""
    rgba = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)  # OpenCV 5 warps four channels 2.6 times as fast as three
    white = (NO_IMAGE_GREY,) * 4
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.cvtColor(
        cv2.warpAffine(rgba, to_image, (side, side), flags=flags, borderValue=white), cv2.COLOR_RGBA2RGB
    )


def training_transform(image: ImageInput) -> A.Compose:
    """Return the training transform: resize, rotate, random crop, flip; (H, W, 3) uint8 to (crop, crop, 3) uint8."""
    steps = [RotatedCrop(image.resize, image.crop, image.rotate)]
    if image.flip:
        steps.append(A.HorizontalFlip(p=0.5))
    return A.Compose(steps, seed=0)


def augment(transform: A.Compose, image: np.ndarray, seed: int) -> np.ndarray:
    """Return the transformed image; its random numbers depend only on `seed`."""
    transform.set_random_seed(seed)
    return transform(image=image)["image"]


def centre_crop(image: np.ndarray, crop: int) -> np.ndarray:
    """Return the (crop, crop, 3) centre of an image, which the network reads at evaluation."""
    top, left = ((side - crop) // 2 for side in image.shape[:2])
    return np.ascontiguousarray(image[top : top + crop, left : left + crop])

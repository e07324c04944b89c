"""A square image to draw on, in coordinates from -1 to 1 (x to the right, y downwards), transformed by a pose."""

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np

from sample_catalogue.colours import Colour, darken

Points = Sequence[tuple[float, float]]
SHIFT = 4  # OpenCV takes sub-pixel coordinates as integers with this many fractional bits


class Canvas:
    """Draw filled polygons with a darker edge, lines and made-up lettering; all drawings consist of these."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.image = np.full((size, size, 3), 255, np.uint8)  # RGB, white
        self.pose = np.eye(3)

    def set_pose(self, *, angle: float, scale: float, shift: tuple[float, float], tilt: float, flip: bool) -> None:
        """Rotate (degrees), scale, shift, tilt in perspective or mirror everything that is drawn from now on."""
        cos, sin = math.cos(math.radians(angle)) * scale, math.sin(math.radians(angle)) * scale
        mirror = -1 if flip else 1
        self.pose = np.array([[cos * mirror, -sin, shift[0]], [sin * mirror, cos, shift[1]], [tilt, tilt / 2, 1]])

    def polygon(self, points: Points, colour: Colour, *, edge: float = 0.012) -> None:
        """Fill a polygon; `edge` is the width of its darker outline, 0 for none."""
        pixels = self._to_pixels(points)
        cv2.fillPoly(self.image, [pixels], colour, cv2.LINE_AA, SHIFT)
        if edge:
            cv2.polylines(self.image, [pixels], True, darken(colour, 0.6), self._width(edge), cv2.LINE_AA, SHIFT)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, *, edge: float = 0.012) -> None:
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour, edge=edge)

    def rounded(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, *, radius: float = 0.12) -> None:
        """Fill a rectangle with round corners."""
        corners = [(x1 - radius, y0 + radius), (x1 - radius, y1 - radius), (x0 + radius, y1 - radius)]
        corners += [(x0 + radius, y0 + radius)]
        points = []
        for quarter, (x, y) in enumerate(corners):
            points += arc(x, y, radius, radius, 90 * quarter - 90, 90 * quarter, steps=6)
        self.polygon(points, colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, *, edge: float = 0.012) -> None:
        self.polygon(arc(x, y, rx, ry, 0, 360, steps=36), colour, edge=edge)

    def disc(self, x: float, y: float, radius: float, colour: Colour, *, edge: float = 0.012) -> None:
        self.oval(x, y, radius, radius, colour, edge=edge)

    def line(self, points: Points, colour: Colour, width: float = 0.03) -> None:
        pixels = self._to_pixels(points)
        cv2.polylines(self.image, [pixels], False, colour, self._width(width), cv2.LINE_AA, SHIFT)

    def lettering(self, rng: random.Random, box: tuple[float, float, float, float], colour: Colour, lines: int) -> None:
        """Fill a box with lines of made-up words: bars of random lengths."""
        x0, y0, x1, y1 = box
        height = (y1 - y0) / lines
        for line in range(lines):
            y, x = y0 + line * height, x0
            while x < x1 - 0.04 and (rng.random() < 0.9 or x == x0):
                end = min(x + rng.uniform(1.0, 4.0) * height, x1)
                self.rectangle(x, y + 0.15 * height, end, y + 0.75 * height, colour, edge=0)
                x = end + 0.4 * height

    @contextmanager
    def clip(self, points: Points) -> Iterator[None]:
        """Keep of what is drawn meanwhile only what lies within a polygon."""
        before, mask = self.image, np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(mask, [self._to_pixels(points)], 255, cv2.LINE_8, SHIFT)
        self.image = before.copy()
        yield
        self.image = np.where(mask[..., None] > 0, self.image, before)

    def _width(self, width: float) -> int:
        (a, b), (c, d) = self.pose[:2, :2].tolist()
        return max(1, round(width * self.size / 2 * abs(a * d - b * c) ** 0.5))

    def _to_pixels(self, points: Points) -> np.ndarray:
        """Return sub-pixel coordinates in OpenCV's format, (N, 2) int32."""
        projected = np.array(points, float) @ self.pose[:, :2].T + self.pose[:, 2]  # (N, 3), homogeneous
        pixels = (projected[:, :2] / projected[:, 2:] + 1) * (self.size / 2 * 2**SHIFT)
        return np.rint(pixels).astype(np.int32)


def arc(
    x: float, y: float, rx: float, ry: float, start: float, stop: float, steps: int = 18
) -> list[tuple[float, float]]:
    """Return points on an arc of an ellipse; angles in degrees, 0 to the right, 90 downwards."""
    angles = [math.radians(start + (stop - start) * i / steps) for i in range(steps + 1)]
    return [(x + rx * math.cos(angle), y + ry * math.sin(angle)) for angle in angles]

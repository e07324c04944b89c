"""The image of a product with several labels: the outline of its type, in its colour and pattern."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sample_catalogue.canvas import Canvas, Points, arc
from sample_catalogue.colours import BLACK, WHITE, Colour, darken, from_hsv, grey, wood
from sample_catalogue.images import JPEG_QUALITY, finish, paint_background, set_random_pose, write_jpeg
from sample_catalogue.several.plan import Product

HUES = {"Red": 0.99, "Yellow": 0.14, "Green": 0.36, "Blue": 0.59, "Purple": 0.79}


class Painter:
    """Draw surfaces in the product's colour and pattern, and details in neutral colours."""

    def __init__(self, canvas: Canvas, rng: random.Random, colour: Colour, pattern: str | None) -> None:
        self.canvas, self.rng, self.colour, self.pattern = canvas, rng, colour, pattern
        self.second = rng.choice((WHITE, darken(colour, 0.45))) if sum(colour) < 600 else darken(colour, 0.5)
        self.width = rng.uniform(0.15, 0.22)  # of a stripe or a square
        self.is_upright = rng.random() < 0.5

    def surface(self, points: Points) -> None:
        """Fill a polygon."""
        self.canvas.polygon(points, self.colour)
        if self.pattern is not None:
            with self.canvas.clip(points):
                self._cover()

    def both_sides(self, *right: tuple[float, float]) -> None:
        """Fill a symmetric polygon, given by the corners of its right side from the top."""
        self.surface([*right, *((-x, y) for x, y in reversed(right))])

    def rectangle(self, x0: float, y0: float, x1: float, y1: float) -> None:
        self.surface([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])

    def oval(self, x: float, y: float, rx: float, ry: float) -> None:
        self.surface(arc(x, y, rx, ry, 0, 360, steps=30))

    def dark(self, points: Points) -> None:
        """Fill a polygon with a darker shade, for soles, rims and openings."""
        self.canvas.polygon(points, darken(self.colour, 0.55))

    def line(self, *points: tuple[float, float], width: float = 0.05) -> None:
        self.canvas.line(points, darken(self.colour, 0.4), width)

    def legs(self, *xs: float, top: float, bottom: float = 0.9, width: float = 0.09) -> None:
        for x in xs:
            self.canvas.rectangle(x - width / 2, top, x + width / 2, bottom, darken(self.colour, 0.7))

    def _cover(self) -> None:
        """Cover everything with the pattern."""
        steps = np.arange(-1.2, 1.2, self.width)
        if self.pattern == "Dotted":
            for row, y in enumerate(steps[::2]):
                for x in steps[::2]:
                    self.canvas.disc(x + self.width * (row % 2), y, 0.4 * self.width, self.second, edge=0)
            return
        for number, start in enumerate(steps):
            stop = start + self.width
            if self.pattern == "Striped" and number % 2:
                corners = [(start, -1.2), (stop, -1.2), (stop, 1.2), (start, 1.2)]
                self.canvas.polygon(corners if self.is_upright else [(y, x) for x, y in corners], self.second, edge=0)
            elif self.pattern == "Checked":
                for y in steps[number % 2 :: 2]:
                    self.canvas.rectangle(start, y, stop, y + self.width, self.second, edge=0)


def save_image(product: Product, path: Path, *, seed: int, size: int) -> None:
    """Write the product's JPEG."""
    rng = random.Random(f"{seed} several drawing {product.number}")
    image = draw_product(product, rng, size)
    write_jpeg(image, path, quality=rng.randint(*JPEG_QUALITY))


def draw_product(product: Product, rng: random.Random, size: int) -> np.ndarray:
    """Return the image of a product, (size, size, 3) RGB uint8."""
    canvas = Canvas(size)
    paint_background(canvas, rng)
    if rng.random() < 0.06:
        set_random_pose(canvas, rng, scale=rng.uniform(0.2, 0.3), reach=0.8)
        OUTLINES[rng.choice(list(OUTLINES))](Painter(canvas, rng, _neutral(rng), None))  # another object in the image
    set_random_pose(canvas, rng, scale=rng.uniform(0.62, 0.95), reach=0.1)
    OUTLINES[product.look](Painter(canvas, rng, _shade(rng, product.colour), product.pattern))
    return finish(canvas.image, rng)


def _shade(rng: random.Random, colour: str | None) -> Colour:
    if colour is None:
        return _neutral(rng)
    return from_hsv(HUES[colour] + rng.uniform(-0.03, 0.03), rng.uniform(0.5, 1), rng.uniform(0.55, 1))


def _neutral(rng: random.Random) -> Colour:
    return rng.choice((grey(rng), grey(rng), wood(rng), BLACK, WHITE))


def _t_shirt(p: Painter) -> None:
    sleeve = p.rng.uniform(0.1, 0.3)
    p.both_sides((0.3, -0.7), (0.85, -0.45 + sleeve), (0.65, -0.1 + sleeve), (0.45, -0.25), (0.45, 0.8))
    p.dark(arc(0, -0.7, 0.2, 0.12, 0, 180))


def _dress(p: Painter) -> None:
    hem = p.rng.uniform(0.55, 0.8)
    p.both_sides((0.28, -0.8), (0.2, -0.2), (hem, 0.85))
    p.line((-0.2, -0.2), (0.2, -0.2), width=0.06)
    p.dark(arc(0, -0.8, 0.14, 0.14, 0, 180))


def _jacket(p: Painter) -> None:
    p.both_sides((0.32, -0.75), (0.6, -0.55), (0.85, 0.65), (0.62, 0.7), (0.48, -0.1), (0.48, 0.8))
    p.line((0, -0.7), (0, 0.8), width=0.05)
    p.dark([(-0.3, -0.78), (0, -0.45), (0.3, -0.78)])


def _cushion(p: Painter) -> None:
    bulge = p.rng.uniform(0.05, 0.15)
    corners = [(-0.75, -0.75), (0.75, -0.75), (0.75, 0.75), (-0.75, 0.75)]
    sides = [(0, -0.75 + bulge), (0.75 - bulge, 0), (0, 0.75 - bulge), (-0.75 + bulge, 0)]
    p.surface([point for pair in zip(corners, sides, strict=True) for point in pair])
    for x, y in corners:
        p.canvas.disc(x, y, 0.06, darken(p.colour, 0.5))


def _vase(p: Painter) -> None:
    belly = p.rng.uniform(0.42, 0.6)
    p.both_sides((0.2, -0.5), (0.28, -0.3), (belly, 0.2), (0.3, 0.85))
    for x in (-0.25, 0.02, 0.22):
        p.canvas.line([(x / 3, -0.5), (x, -0.8)], (60, 120, 60), 0.04)
        p.canvas.disc(x, -0.85, 0.1, (245, 240, 235))


def _lamp(p: Painter) -> None:
    top = p.rng.uniform(0.2, 0.4)
    p.both_sides((top, -0.85), (0.7, 0))
    p.canvas.rectangle(-0.06, 0, 0.06, 0.75, darken(p.colour, 0.5))
    p.canvas.rounded(-0.4, 0.7, 0.4, 0.88, darken(p.colour, 0.6), radius=0.08)


def _mug(p: Painter) -> None:
    p.canvas.line(arc(0.5, 0.05, 0.32, 0.35, -90, 90), darken(p.colour, 0.8), 0.14)
    p.rectangle(-0.6, -0.65, 0.5, 0.75)
    p.dark(arc(-0.05, -0.65, 0.55, 0.13, 0, 360))


def _plate(p: Painter) -> None:
    flat = p.rng.uniform(0.75, 0.9)
    p.oval(0, 0, 0.9, flat)
    p.canvas.oval(0, 0, 0.58, 0.65 * flat, darken(p.colour, 1.15))


def _bottle(p: Painter) -> None:
    neck = p.rng.uniform(0.12, 0.2)
    p.both_sides((neck, -0.7), (neck, -0.4), (0.4, -0.1), (0.4, 0.88))
    p.dark([(-neck - 0.04, -0.9), (neck + 0.04, -0.9), (neck + 0.04, -0.7), (-neck - 0.04, -0.7)])


def _chair(p: Painter) -> None:
    p.legs(-0.45, 0.45, top=0.2)
    p.rectangle(-0.5, -0.9, 0.5, -0.1)
    p.dark([(-0.6, 0.1), (0.6, 0.1), (0.65, 0.3), (-0.65, 0.3)])
    p.legs(-0.45, 0.45, top=-0.1, bottom=0.15, width=0.07)


def _table(p: Painter) -> None:
    thick = p.rng.uniform(0.2, 0.35)
    p.legs(-0.75, 0.75, top=-0.3)
    p.legs(-0.45, 0.45, top=-0.3, bottom=0.6, width=0.06)
    p.rectangle(-0.9, -0.45, 0.9, -0.45 + thick)


def _shelf(p: Painter) -> None:
    p.rectangle(-0.65, -0.9, 0.65, 0.9)
    boards = p.rng.choice((2, 3))
    height = 1.7 / boards
    for board in range(boards):
        y = -0.85 + board * height
        p.canvas.rectangle(-0.55, y + 0.12, 0.55, y + height - 0.06, darken(p.colour, 0.35))


def _sneaker(p: Painter) -> None:
    p.surface([(-0.85, -0.35), (-0.35, -0.4), (0.1, -0.05), (0.75, 0.15), (0.88, 0.4), (-0.88, 0.4)])
    p.canvas.polygon([(-0.9, 0.38), (0.92, 0.38), (0.88, 0.55), (-0.88, 0.55)], WHITE)
    for x in (-0.25, -0.1, 0.05):
        p.canvas.line([(x, -0.28 + x / 3), (x + 0.15, -0.05)], WHITE, 0.05)


def _boot(p: Painter) -> None:
    p.surface([(-0.55, -0.85), (0.05, -0.85), (0.1, 0.2), (0.7, 0.4), (0.75, 0.7), (-0.55, 0.7)])
    p.dark([(-0.58, 0.7), (0.78, 0.7), (0.78, 0.86), (-0.58, 0.86)])
    p.line((-0.55, -0.65), (0.05, -0.65), width=0.08)


def _backpack(p: Painter) -> None:
    p.canvas.line(arc(0, -0.75, 0.2, 0.18, 180, 360), darken(p.colour, 0.4), 0.08)
    p.surface([*arc(0, -0.35, 0.6, 0.45, 180, 360), (0.62, 0.8), (-0.62, 0.8)])
    p.dark([(-0.42, 0.1), (0.42, 0.1), (0.42, 0.62), (-0.42, 0.62)])
    p.line((-0.6, -0.2), (0.6, -0.2), width=0.05)


def _ball(p: Painter) -> None:
    p.oval(0, 0, 0.82, 0.82)
    p.canvas.line(arc(-0.5, 0, 0.6, 0.75, -50, 50), darken(p.colour, 0.5), 0.05)
    p.canvas.oval(-0.3, -0.4, 0.14, 0.1, WHITE, edge=0)


def _kite(p: Painter) -> None:
    p.surface([(0, -0.9), (0.6, -0.25), (0, 0.5), (-0.6, -0.25)])
    p.line((0, -0.9), (0, 0.5), width=0.03)
    p.canvas.line([(0, 0.5), (0.15, 0.65), (-0.1, 0.78), (0.1, 0.95)], BLACK, 0.03)


def _blocks(p: Painter) -> None:
    for x, y in ((-0.72, 0.08), (0.02, 0.08), (-0.36, -0.64)):
        for stud in (0.1, 0.4):
            p.canvas.rectangle(x + stud, y - 0.1, x + stud + 0.18, y + 0.02, darken(p.colour, 0.7))
        p.rectangle(x, y, x + 0.68, y + 0.68)


def _notebook(p: Painter) -> None:
    p.rectangle(-0.6, -0.8, 0.65, 0.8)
    p.canvas.rectangle(-0.25, -0.5, 0.4, -0.2, WHITE)
    for y in np.arange(-0.7, 0.75, 0.2):
        p.canvas.line([(-0.72, y), (-0.5, y)], BLACK, 0.04)


def _envelope(p: Painter) -> None:
    p.rectangle(-0.85, -0.55, 0.85, 0.6)
    p.line((-0.85, -0.55), (0, p.rng.uniform(0.05, 0.25)), (0.85, -0.55), width=0.05)


def _pen_holder(p: Painter) -> None:
    for x, top in ((-0.25, -0.85), (0.0, -0.95), (0.25, -0.8)):
        p.canvas.rectangle(x - 0.05, top, x + 0.05, -0.1, wood(p.rng))
    p.rectangle(-0.5, -0.3, 0.5, 0.85)
    p.line((-0.5, -0.28), (0.5, -0.28), width=0.07)


def _pet_bed(p: Painter) -> None:
    p.oval(0, 0.1, 0.92, 0.62)
    p.canvas.oval(0, 0.05, 0.62, 0.36, darken(p.colour, 0.6))
    p.canvas.oval(0, 0.1, 0.5, 0.26, (235, 228, 215))


def _pet_bowl(p: Painter) -> None:
    p.both_sides((0.65, -0.25), (0.88, 0.55))
    p.dark(arc(0, -0.25, 0.65, 0.17, 0, 360))
    p.canvas.oval(0, -0.24, 0.5, 0.1, (120, 85, 50), edge=0)


def _birdhouse(p: Painter) -> None:
    p.rectangle(-0.5, -0.3, 0.5, 0.75)
    p.dark([(-0.75, -0.25), (0, -0.9), (0.75, -0.25)])
    p.canvas.disc(0, 0.1, 0.17, BLACK)
    p.line((0, 0.4), (0, 0.5), width=0.09)


OUTLINES: dict[str, Callable[[Painter], None]] = {
    "T-Shirts": _t_shirt, "Dresses": _dress, "Jackets": _jacket,
    "Cushions": _cushion, "Vases": _vase, "Lamps": _lamp,
    "Mugs": _mug, "Plates": _plate, "Bottles": _bottle,
    "Chairs": _chair, "Tables": _table, "Shelves": _shelf,
    "Sneakers": _sneaker, "Boots": _boot, "Backpacks": _backpack,
    "Balls": _ball, "Kites": _kite, "Building Blocks": _blocks,
    "Notebooks": _notebook, "Envelopes": _envelope, "Pen Holders": _pen_holder,
    "Pet Beds": _pet_bed, "Pet Bowls": _pet_bowl, "Birdhouses": _birdhouse,
}  # fmt: skip

"""Drawings of books, magazines and lots of both: similar except for wear, thickness and number."""

import random

from sample_catalogue.canvas import Canvas
from sample_catalogue.colours import (
    BLACK,
    PAPER,
    RED,
    SKIN,
    WHITE,
    YELLOW,
    any_colour,
    darken,
    from_hsv,
    grey,
    leaf,
    muted,
    pastel,
    vivid,
    water,
)

Box = tuple[float, float, float, float]


def art(c: Canvas, rng: random.Random, box: Box) -> None:
    """Draw the illustration of a cover or a card: landscape, portrait, circles or stripes."""
    x0, y0, x1, y1 = box
    w, h = x1 - x0, y1 - y0
    kind = rng.randrange(4)
    c.rectangle(*box, rng.choice((pastel, vivid, water))(rng))
    if kind == 0:
        hills = [(x0, y0 + rng.uniform(0.4, 0.7) * h), (x0 + w / 2, y0 + rng.uniform(0.3, 0.8) * h)]
        c.polygon([*hills, (x1, y0 + rng.uniform(0.4, 0.8) * h), (x1, y1), (x0, y1)], leaf(rng))
        c.disc(x0 + rng.uniform(0.2, 0.8) * w, y0 + 0.2 * h, 0.09 * min(w, h), YELLOW)
    elif kind == 1:
        portrait(c, rng, box)
    elif kind == 2:
        for _ in range(rng.randint(3, 7)):
            radius = rng.uniform(0.06, 0.18) * min(w, h)
            x, y = rng.uniform(x0 + radius, x1 - radius), rng.uniform(y0 + radius, y1 - radius)
            c.disc(x, y, radius, vivid(rng))
    else:
        stripes = rng.randint(3, 7)
        for i in range(0, stripes, 2):
            c.rectangle(x0 + w * i / stripes, y0, x0 + w * (i + 1) / stripes, y1, vivid(rng), edge=0)


def portrait(c: Canvas, rng: random.Random, box: Box) -> None:
    """Draw head and shoulders in the lower half of a box."""
    x0, y0, x1, y1 = box
    w, h, x = x1 - x0, y1 - y0, (x0 + x1) / 2
    shoulders = [(x0 + 0.1 * w, y1), (x0 + 0.25 * w, y1 - 0.25 * h), (x1 - 0.25 * w, y1 - 0.25 * h), (x1 - 0.1 * w, y1)]
    c.polygon(shoulders, any_colour(rng))
    c.oval(x, y0 + 0.42 * h, 0.23 * w, 0.27 * h, from_hsv(rng.uniform(0.03, 0.12), 0.7, rng.uniform(0.1, 0.8)))
    c.oval(x, y0 + 0.48 * h, 0.17 * w, 0.22 * h, SKIN)


def small_book(c: Canvas, rng: random.Random, x: float, y: float, w: float) -> None:
    """Draw a cover of width w from the front, centred at (x, y)."""
    h = w * rng.uniform(1.35, 1.55)
    x0, y0, x1, y1 = x - w / 2, y - h / 2, x + w / 2, y + h / 2
    c.rectangle(x0, y0, x1, y1, any_colour(rng))
    c.lettering(rng, (x0 + 0.1 * w, y0 + 0.08 * h, x1 - 0.1 * w, y0 + 0.28 * h), rng.choice((WHITE, BLACK, YELLOW)), 2)
    art(c, rng, (x0 + 0.12 * w, y0 + 0.38 * h, x1 - 0.12 * w, y1 - 0.1 * h))


def faded_paperback(c: Canvas, rng: random.Random) -> None:
    cover = rng.choice((muted(rng), darken(PAPER, rng.uniform(0.7, 0.95)), from_hsv(0.1, 0.4, 0.8)))
    c.rectangle(-0.58, -0.85, 0.66, 0.88, darken(PAPER, 0.72))
    c.rectangle(-0.62, -0.88, 0.58, 0.85, cover)
    c.lettering(rng, (-0.45, -0.75, 0.42, -0.5), BLACK, 2)
    if rng.random() < 0.6:
        art(c, rng, (-0.4, -0.3, 0.38, 0.45))
    c.lettering(rng, (-0.25, 0.6, 0.3, 0.72), darken(cover, 0.4), 1)
    for _ in range(rng.randint(2, 5)):  # creases and stains
        x, y = rng.uniform(-0.55, 0.4), rng.uniform(-0.8, 0.7)
        c.line([(x, y), (x + rng.uniform(-0.3, 0.3), y + rng.uniform(-0.4, 0.4))], darken(cover, 1.25), 0.012)
        c.oval(rng.uniform(-0.5, 0.5), rng.uniform(-0.8, 0.8), 0.07, 0.05, darken(cover, 0.85), edge=0)
    c.polygon([(0.58, 0.85), (0.58, 0.62), (0.38, 0.85)], darken(PAPER, 0.85))


def leather_binding(c: Canvas, rng: random.Random) -> None:
    leather = from_hsv(rng.choice((0.02, 0.06, 0.09, 0.35)), rng.uniform(0.5, 0.8), rng.uniform(0.25, 0.5))
    gold = (190, 150, 70)
    c.rectangle(-0.68, -0.9, 0.62, 0.9, leather)
    c.rectangle(-0.68, -0.9, -0.42, 0.9, darken(leather, 0.75))
    for i in range(5):
        c.rectangle(-0.68, -0.72 + 0.34 * i, -0.42, -0.66 + 0.34 * i, gold, edge=0)
    c.line([(-0.3, -0.78), (0.5, -0.78), (0.5, 0.78), (-0.3, 0.78), (-0.3, -0.78)], gold, 0.02)
    c.lettering(rng, (-0.15, -0.4, 0.36, -0.1), gold, 2)


def open_old_book(c: Canvas, rng: random.Random) -> None:
    page = darken(PAPER, rng.uniform(0.75, 0.92))
    c.polygon([(-0.95, -0.55), (0.95, -0.55), (0.98, 0.66), (-0.98, 0.66)], from_hsv(0.06, 0.6, 0.35))
    for side in (-1, 1):
        c.polygon([(0, -0.5), (side * 0.9, -0.58), (side * 0.92, 0.56), (0, 0.62)], page)
        x0, x1 = sorted((side * 0.1, side * 0.8))
        c.lettering(rng, (x0, -0.42, x1, 0.45), darken(page, 0.5), rng.randint(8, 12))


def new_book(c: Canvas, rng: random.Random) -> None:
    cover = rng.choice((vivid(rng), vivid(rng), WHITE))
    depth = rng.uniform(0.08, 0.2)
    c.polygon([(0.55, -0.88), (0.55 + depth, -0.8), (0.55 + depth, 0.8), (0.55, 0.88)], WHITE)
    c.rectangle(-0.65, -0.88, 0.55, 0.88, cover)
    art(c, rng, (-0.65, rng.uniform(-0.45, -0.1), 0.55, rng.uniform(0.4, 0.88)))
    c.lettering(rng, (-0.52, -0.8, 0.45, -0.5), WHITE if cover != WHITE else BLACK, rng.randint(1, 2))
    if rng.random() < 0.6:  # the red paper band of new French books
        c.rectangle(-0.65, 0.5, 0.55, 0.75, RED)
        c.lettering(rng, (-0.5, 0.57, 0.4, 0.68), WHITE, 1)


def comic_album(c: Canvas, rng: random.Random) -> None:
    c.rectangle(-0.68, -0.9, 0.68, 0.9, vivid(rng))
    c.rounded(-0.55, -0.85, 0.55, -0.55, rng.choice((WHITE, YELLOW, RED)))
    c.lettering(rng, (-0.42, -0.78, 0.45, -0.62), BLACK, 1)
    art(c, rng, (-0.6, -0.45, 0.6, 0.8))
    portrait(c, rng, (-0.35, -0.3, 0.3, 0.8))


def magazine(c: Canvas, rng: random.Random) -> None:
    ground = rng.choice((pastel, vivid, muted))(rng)
    c.rectangle(-0.66, -0.9, 0.66, 0.9, ground)
    portrait(c, rng, (-0.6, -0.5, 0.6, 0.9))
    c.rectangle(-0.66, -0.9, 0.66, -0.55, rng.choice((RED, YELLOW, ground, WHITE)), edge=0)
    c.lettering(rng, (-0.58, -0.87, 0.6, -0.58), rng.choice((WHITE, BLACK, RED)), 1)
    for x0 in (-0.6, 0.25):
        y = rng.uniform(-0.45, -0.1)
        c.lettering(rng, (x0, y, x0 + 0.36, y + rng.uniform(0.4, 0.9)), rng.choice((WHITE, YELLOW, BLACK)), 6)


def newspaper(c: Canvas, rng: random.Random) -> None:
    page = darken(PAPER, rng.uniform(0.8, 1))
    c.rectangle(-0.72, -0.92, 0.72, 0.92, page)
    c.lettering(rng, (-0.6, -0.86, 0.6, -0.64), BLACK, 1)
    c.line([(-0.65, -0.58), (0.65, -0.58)], BLACK, 0.02)
    art(c, rng, (-0.2, -0.5, 0.64, 0.1))
    for i in range(3):
        x = -0.64 + 0.44 * i
        c.lettering(rng, (x, -0.5 if i == 0 else 0.18, x + 0.38, 0.85), grey(rng, 60, 110), 14 if i == 0 else 8)


def stack(c: Canvas, rng: random.Random) -> None:
    count = rng.randint(4, 9)
    height = 1.6 / count
    for i in range(count):
        y = 0.8 - height * (i + 1)
        x0, x1 = rng.uniform(-0.9, -0.65), rng.uniform(0.65, 0.9)
        c.rectangle(x0, y, x1, y + height, any_colour(rng))
        c.lettering(rng, (x0 + 0.2, y + 0.25 * height, x1 - 0.3, y + 0.8 * height), WHITE, 1)


def row_of_spines(c: Canvas, rng: random.Random) -> None:
    count, series = rng.randint(6, 13), any_colour(rng)
    width, alike = 1.8 / count, rng.random() < 0.5
    for i in range(count):
        x, top = -0.9 + width * i, -0.6 if alike else rng.uniform(-0.75, -0.4)
        c.rectangle(x, top, x + width, 0.65, series if alike else any_colour(rng))
        c.rectangle(x + 0.2 * width, top + 0.12, x + 0.8 * width, top + 0.5, rng.choice((WHITE, YELLOW)), edge=0)


def spread_covers(c: Canvas, rng: random.Random) -> None:
    columns, rows = rng.choice(((2, 2), (3, 2), (3, 3), (4, 2)))
    width = 1.7 / columns * 0.95
    for row in range(rows):
        for column in range(columns):
            x = -0.9 + 1.8 * (column + 0.5) / columns + rng.uniform(-0.03, 0.03)
            small_book(c, rng, x, -0.9 + 1.8 * (row + 0.5) / rows, min(width, 1.2 / rows))


DRAWINGS = {
    10: (faded_paperback, leather_binding, open_old_book),
    2705: (new_book, comic_album),
    2280: (magazine, newspaper),
    2403: (stack, row_of_spines, spread_covers),
}

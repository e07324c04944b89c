"""Drawings of trading cards, board games and stationery."""

import random

from sample_catalogue.canvas import Canvas, arc
from sample_catalogue.colours import (
    BLACK,
    PAPER,
    RED,
    WHITE,
    YELLOW,
    any_colour,
    darken,
    grey,
    muted,
    pastel,
    vivid,
    wood,
)
from sample_catalogue.drawings.covers import art


def card(c: Canvas, rng: random.Random, x: float, y: float, w: float) -> None:
    """Draw a trading card of width w, centred at (x, y)."""
    h = 1.4 * w
    frame = rng.choice((YELLOW, darken(YELLOW, 0.75), vivid(rng), BLACK, (150, 90, 60)))
    c.rounded(x - w / 2, y - h / 2, x + w / 2, y + h / 2, frame, radius=0.07 * w)
    c.rectangle(x - 0.43 * w, y - 0.44 * h, x + 0.43 * w, y + 0.44 * h, pastel(rng))
    c.lettering(rng, (x - 0.4 * w, y - 0.43 * h, x + 0.3 * w, y - 0.36 * h), BLACK, 1)
    art(c, rng, (x - 0.38 * w, y - 0.34 * h, x + 0.38 * w, y + 0.05 * h))
    c.lettering(rng, (x - 0.38 * w, y + 0.1 * h, x + 0.38 * w, y + 0.4 * h), BLACK, 5)


def single_card(c: Canvas, rng: random.Random) -> None:
    card(c, rng, 0, 0, rng.uniform(1.1, 1.3))


def fan_of_cards(c: Canvas, rng: random.Random) -> None:
    count = rng.randint(3, 5)
    for i in range(count):
        card(c, rng, -0.55 + 1.1 * i / (count - 1), 0.12 * abs(i - (count - 1) / 2) - 0.05, 0.75)


def booster(c: Canvas, rng: random.Random) -> None:
    foil = vivid(rng)
    c.rectangle(-0.48, -0.9, 0.48, 0.9, foil)
    for y in (-0.9, 0.8):
        for i in range(12):
            x = -0.48 + 0.08 * i
            c.polygon([(x, y), (x + 0.04, y + 0.1), (x + 0.08, y)], grey(rng, 170, 220), edge=0)
    art(c, rng, (-0.48, -0.4, 0.48, 0.55))
    c.lettering(rng, (-0.4, -0.72, 0.4, -0.48), YELLOW, 1)
    c.lettering(rng, (-0.25, 0.62, 0.25, 0.72), WHITE, 1)


def game_box(c: Canvas, rng: random.Random) -> None:
    lid = vivid(rng)
    c.polygon([(-0.85, 0.65), (0.85, 0.65), (0.95, 0.82), (-0.75, 0.82)], darken(lid, 0.6))
    c.rectangle(-0.85, -0.75, 0.85, 0.65, lid)
    art(c, rng, (-0.75, -0.3, 0.75, 0.58))
    c.rounded(-0.6, -0.68, 0.6, -0.36, rng.choice((WHITE, YELLOW, RED)))
    c.lettering(rng, (-0.48, -0.6, 0.48, -0.43), BLACK, 1)
    if rng.random() < 0.5:
        pawns(c, rng, 0.78)


def pawns(c: Canvas, rng: random.Random, y: float) -> None:
    for i in range(rng.randint(3, 5)):
        x, colour = -0.6 + 0.3 * i, vivid(rng)
        c.polygon([(x - 0.1, y + 0.1), (x + 0.1, y + 0.1), (x + 0.03, y - 0.15), (x - 0.03, y - 0.15)], colour)
        c.disc(x, y - 0.2, 0.07, colour)


def squared_board(c: Canvas, rng: random.Random) -> None:
    count, dark, light = rng.choice((6, 8, 10)), wood(rng), PAPER
    step = 1.6 / count
    c.rectangle(-0.9, -0.9, 0.9, 0.9, darken(dark, 0.7))
    for i in range(count):
        for j in range(count):
            colour = dark if (i + j) % 2 else light
            c.rectangle(-0.8 + i * step, -0.8 + j * step, -0.8 + (i + 1) * step, -0.8 + (j + 1) * step, colour, edge=0)
    for _ in range(rng.randint(4, 14)):
        x, y = rng.randrange(count), rng.randrange(count)
        c.disc(-0.8 + (x + 0.5) * step, -0.8 + (y + 0.5) * step, 0.38 * step, rng.choice((BLACK, WHITE, RED)))


def track_board(c: Canvas, rng: random.Random) -> None:
    c.rectangle(-0.9, -0.9, 0.9, 0.9, pastel(rng))
    count = rng.randint(18, 26)
    for i in range(count):
        (x, y), *_ = arc(0, 0, 0.7, 0.65, 360 * i / count, 360, steps=1)
        c.rectangle(x - 0.1, y - 0.1, x + 0.1, y + 0.1, vivid(rng))
    art(c, rng, (-0.35, -0.3, 0.35, 0.3))
    pawns(c, rng, rng.uniform(-0.4, 0.6))


def jigsaw(c: Canvas, rng: random.Random) -> None:
    step, edge = 0.3, rng.uniform(0.2, 0.9)
    for i in range(6):
        for j in range(6):
            if rng.random() < edge or i + j < 5:
                x, y, colour = -0.9 + step * i, -0.9 + step * j, any_colour(rng)
                c.rectangle(x, y, x + step, y + step, colour)
                c.disc(x + step, y + step / 2, 0.06, colour)
                c.disc(x + step / 2, y + step, 0.06, darken(colour, 0.9))


def pens(c: Canvas, rng: random.Random) -> None:
    count, one = rng.choice((1, 2, 3, 6, 8)), any_colour(rng)
    for i in range(count):
        x, colour = (i - (count - 1) / 2) * 1.6 / max(count, 4), one if rng.random() < 0.4 else vivid(rng)
        c.rectangle(x - 0.07, -0.8, x + 0.07, 0.6, colour)
        c.polygon([(x - 0.07, 0.6), (x + 0.07, 0.6), (x, 0.9)], grey(rng))
        c.rectangle(x - 0.08, -0.85, x + 0.08, -0.3, darken(colour, 0.7))
        c.line([(x + 0.04, -0.7), (x + 0.04, -0.2)], (210, 210, 215), 0.03)


def spiral_notebook(c: Canvas, rng: random.Random) -> None:
    cover = any_colour(rng)
    c.rectangle(-0.6, -0.85, 0.7, 0.9, WHITE)
    c.rectangle(-0.65, -0.88, 0.65, 0.86, cover)
    for i in range(14):
        y = -0.8 + 0.12 * i
        c.line(arc(-0.65, y, 0.09, 0.04, 0, 300, steps=8), (70, 70, 75), 0.025)
    if rng.random() < 0.6:
        c.rounded(-0.25, -0.5, 0.4, -0.1, WHITE)
        c.lettering(rng, (-0.15, -0.42, 0.3, -0.2), grey(rng), 2)
    else:
        art(c, rng, (-0.35, -0.6, 0.45, 0.5))


def binder(c: Canvas, rng: random.Random) -> None:
    colour = any_colour(rng)
    c.polygon([(-0.35, -0.8), (0.7, -0.7), (0.7, 0.75), (-0.35, 0.88)], colour)
    c.rectangle(-0.65, -0.8, -0.35, 0.88, darken(colour, 0.8))
    c.rectangle(-0.6, -0.6, -0.4, 0.1, WHITE)
    c.disc(-0.5, 0.55, 0.08, grey(rng))


def ink_cartridges(c: Canvas, rng: random.Random) -> None:
    for i, colour in enumerate((BLACK, (0, 160, 220), (220, 20, 130), YELLOW)[: rng.randint(1, 4)]):
        x = -0.8 + 0.42 * i
        c.rectangle(x, -0.45, x + 0.36, 0.55, BLACK)
        c.rectangle(x + 0.03, -0.25, x + 0.33, 0.4, colour)
        c.rectangle(x + 0.08, -0.6, x + 0.26, -0.45, muted(rng))
        c.lettering(rng, (x + 0.07, -0.1, x + 0.3, 0.2), WHITE, 3)


DRAWINGS = {
    1160: (single_card, fan_of_cards, booster),
    1281: (game_box, squared_board, track_board, jigsaw),
    2522: (pens, spiral_notebook, binder, ink_cartridges),
}

"""Drawings of swimming pools, garden tools and outdoor games."""

import random

from sample_catalogue.canvas import Canvas, arc
from sample_catalogue.colours import (
    BLACK,
    RED,
    SILVER,
    WHITE,
    YELLOW,
    darken,
    from_hsv,
    grey,
    leaf,
    pastel,
    vivid,
    water,
    wood,
)


def round_pool(c: Canvas, rng: random.Random) -> None:
    wall, ry = rng.choice((water(rng), grey(rng), wood(rng), WHITE)), rng.uniform(0.2, 0.32)
    c.polygon([*arc(0, 0.35, 0.9, ry, 0, 180), (-0.9, -0.15), (0.9, -0.15)], wall)
    c.oval(0, -0.15, 0.9, ry, WHITE)
    c.oval(0, -0.13, 0.82, 0.85 * ry, water(rng))
    if rng.random() < 0.5:  # the ladder
        for x in (0.35, 0.55):
            c.line([(x, -0.6), (x + 0.05, 0.6)], WHITE if sum(wall) < 600 else SILVER, 0.05)
        for y in (-0.1, 0.15, 0.4):
            c.line([(0.36, y), (0.58, y)], SILVER, 0.04)


def rectangular_pool(c: Canvas, rng: random.Random) -> None:
    c.polygon([(-0.6, -0.5), (0.65, -0.5), (0.95, 0.35), (-0.95, 0.35)], WHITE)
    c.polygon([(-0.54, -0.43), (0.58, -0.43), (0.82, 0.28), (-0.82, 0.28)], water(rng))
    c.rectangle(-0.95, 0.35, 0.95, 0.65, rng.choice((water(rng), grey(rng), wood(rng))))
    for i in range(6):
        c.line([(-0.95 + 0.38 * i, 0.35), (-0.95 + 0.38 * i, 0.68)], SILVER, 0.04)


def sand_filter(c: Canvas, rng: random.Random) -> None:
    tank = rng.choice((grey(rng, 60, 190), water(rng), BLACK))
    c.rectangle(-0.85, 0.7, 0.85, 0.82, BLACK)
    c.oval(-0.25, 0.2, 0.48, 0.55, tank)
    c.rectangle(-0.4, -0.65, -0.1, -0.28, darken(tank, 0.6))
    c.disc(-0.25, -0.72, 0.1, grey(rng))
    c.rounded(0.35, 0.35, 0.85, 0.7, rng.choice((BLACK, grey(rng))), radius=0.08)
    c.line([(-0.1, -0.5), (0.55, -0.4), (0.6, 0.35)], rng.choice((WHITE, (60, 110, 190))), 0.08)


def pool_cover(c: Canvas, rng: random.Random) -> None:
    sheet = rng.choice((water(rng), from_hsv(0.6, 0.8, 0.6)))
    c.polygon([(-0.9, -0.6), (0.8, -0.7), (0.9, 0.6), (-0.8, 0.7)], sheet)
    for i in range(9):
        for j in range(9):
            c.disc(-0.72 + 0.18 * i, -0.56 + 0.14 * j, 0.05, darken(sheet, 1.25), edge=0)
    c.polygon([(0.9, 0.6), (0.35, 0.66), (0.8, 0.2)], darken(sheet, 0.7))


def pool_net(c: Canvas, rng: random.Random) -> None:
    c.line([(-0.9, 0.85), (0.2, -0.25)], SILVER, 0.06)
    mesh = water(rng)
    c.polygon([(0.1, -0.3), (0.35, -0.85), (0.9, -0.35), (0.35, 0)], pastel(rng))
    c.line([(0.1, -0.3), (0.35, -0.85), (0.9, -0.35), (0.35, 0), (0.1, -0.3)], mesh, 0.08)


def mower(c: Canvas, rng: random.Random) -> None:
    paint = rng.choice((RED, leaf(rng), (240, 120, 20), YELLOW))
    c.line([(-0.1, 0.2), (-0.85, -0.75), (-0.65, -0.8)], BLACK, 0.06)
    c.rounded(-0.3, 0, 0.85, 0.5, paint, radius=0.15)
    c.rounded(0, -0.25, 0.55, 0.1, BLACK, radius=0.08)
    for x, radius in ((-0.2, 0.24), (0.7, 0.18)):
        c.disc(x, 0.55, radius, BLACK)
        c.disc(x, 0.55, radius / 2, grey(rng))


def long_tool(c: Canvas, rng: random.Random) -> None:
    """Draw a rake, a spade or a fork, or all of them."""
    for i in range(rng.choice((1, 2, 3))):
        x, kind, metal = -0.5 + 0.5 * i, rng.randrange(3), rng.choice((grey(rng), leaf(rng), RED))
        c.line([(x, -0.9), (x, 0.5)], wood(rng), 0.07)
        if kind == 0:
            c.polygon([(x - 0.17, 0.4), (x + 0.17, 0.4), (x + 0.15, 0.75), (x, 0.92), (x - 0.15, 0.75)], metal)
        else:
            c.line([(x - 0.24, 0.5), (x + 0.24, 0.5)], metal, 0.06)
            for tooth in range(5 if kind == 1 else 3):
                dx = -0.22 + 0.44 * tooth / (4 if kind == 1 else 2)
                c.line([(x + dx, 0.5), (x + dx, 0.68 if kind == 1 else 0.9)], metal, 0.035)


def hedge_trimmer(c: Canvas, rng: random.Random) -> None:
    paint = rng.choice((RED, leaf(rng), (240, 120, 20)))
    c.rectangle(-0.2, 0, 0.95, 0.12, SILVER)
    for i in range(11):
        x = -0.15 + 0.1 * i
        c.polygon([(x, 0), (x + 0.06, 0), (x + 0.03, -0.1)], grey(rng, 60, 110))
        c.polygon([(x, 0.12), (x + 0.06, 0.12), (x + 0.03, 0.22)], grey(rng, 60, 110))
    c.rounded(-0.9, -0.15, -0.15, 0.3, paint, radius=0.14)
    c.line(arc(-0.4, -0.1, 0.3, 0.35, 180, 360), BLACK, 0.08)


def wheelbarrow(c: Canvas, rng: random.Random) -> None:
    c.polygon([(-0.75, -0.35), (0.7, -0.35), (0.4, 0.25), (-0.35, 0.25)], rng.choice((leaf(rng), RED, grey(rng))))
    c.line([(0.55, 0.55), (-0.3, 0.3), (-0.95, -0.05)], BLACK, 0.06)
    c.line([(-0.3, 0.25), (-0.4, 0.75)], BLACK, 0.06)
    c.disc(0.58, 0.58, 0.25, BLACK)
    c.disc(0.58, 0.58, 0.1, YELLOW)


def hose(c: Canvas, rng: random.Random) -> None:
    rubber = rng.choice((leaf(rng), YELLOW, (240, 120, 20)))
    for i in range(rng.randint(3, 6)):
        c.line(arc(0, 0.05 * i, 0.75 - 0.05 * i, 0.5 - 0.04 * i, 0, 360, steps=40), darken(rubber, 1 - 0.08 * i), 0.07)
    c.line([(0.6, 0.3), (0.85, 0.75)], rubber, 0.07)
    c.rectangle(0.75, 0.7, 0.97, 0.95, BLACK)


def trampoline(c: Canvas, rng: random.Random) -> None:
    pads = rng.choice((water(rng), leaf(rng), vivid(rng)))
    for x in (-0.75, -0.3, 0.3, 0.75):
        c.line([(x, 0.3), (x, 0.85)], SILVER, 0.05)
        c.line([(x, 0.2), (x, -0.85)], darken(pads, 0.7), 0.05)
    c.oval(0, 0.3, 0.9, 0.24, pads)
    c.oval(0, 0.28, 0.72, 0.17, BLACK)
    for y in (-0.85, -0.5, -0.15):
        c.line([(-0.75, y), (0.75, y)], grey(rng, 120, 170), 0.015)


def scooter(c: Canvas, rng: random.Random) -> None:
    paint = vivid(rng)
    c.line([(-0.65, 0.55), (0.45, 0.5)], paint, 0.12)
    c.line([(0.6, 0.6), (0.35, -0.75)], SILVER, 0.07)
    c.line([(0.1, -0.72), (0.6, -0.8)], BLACK, 0.08)
    for x in (-0.75, 0.65):
        c.disc(x, 0.68, 0.18, BLACK)
        c.disc(x, 0.68, 0.08, paint)


def swing(c: Canvas, rng: random.Random) -> None:
    frame, seat = rng.choice((wood(rng), leaf(rng), RED, SILVER)), vivid(rng)
    for x in (-0.6, 0.6):
        c.line([(x - 0.3, 0.88), (x, -0.8), (x + 0.3, 0.88)], frame, 0.07)
    c.line([(-0.65, -0.8), (0.65, -0.8)], frame, 0.08)
    for x in (-0.3, 0.25):
        for dx in (-0.13, 0.13):
            c.line([(x + dx, -0.78), (x + dx, 0.35)], grey(rng, 90, 150), 0.02)
        c.rectangle(x - 0.18, 0.33, x + 0.18, 0.42, seat)


def slide(c: Canvas, rng: random.Random) -> None:
    plastic, rails = vivid(rng), vivid(rng)
    for x in (-0.75, -0.45):
        c.line([(x, -0.75), (x, 0.85)], rails, 0.07)
    for i in range(5):
        c.line([(-0.75, -0.4 + 0.28 * i), (-0.45, -0.4 + 0.28 * i)], rails, 0.06)
    c.polygon([(-0.45, -0.5), (-0.3, -0.52), (0.55, 0.6), (0.95, 0.7), (0.95, 0.85), (0.45, 0.8)], plastic)


def ball(c: Canvas, rng: random.Random) -> None:
    ground, patches = rng.choice((WHITE, vivid(rng), (225, 110, 40))), rng.choice((BLACK, vivid(rng)))
    c.disc(0, 0, 0.8, ground)
    for i in range(5):
        (x, y), *_ = arc(0, 0, 0.6, 0.6, 72 * i, 360, steps=1)
        c.polygon(arc(x, y, 0.17, 0.17, 72 * i, 72 * i + 360, steps=5), patches)
        c.line([(0, 0), (x, y)], darken(patches, 0.9), 0.02)
    c.polygon(arc(0, 0, 0.25, 0.25, 36, 396, steps=5), patches)


DRAWINGS = {
    1302: (trampoline, scooter, swing, slide, ball),
    2583: (round_pool, rectangular_pool, sand_filter, pool_cover, pool_net),
    2585: (mower, long_tool, hedge_trimmer, wheelbarrow, hose),
}

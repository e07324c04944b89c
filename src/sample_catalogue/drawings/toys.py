"""Drawings of figurines, miniatures, children's toys and model kits."""

import random

from sample_catalogue.canvas import Canvas, arc
from sample_catalogue.colours import (
    BLACK,
    RED,
    SILVER,
    SKIN,
    WHITE,
    YELLOW,
    darken,
    from_hsv,
    grey,
    muted,
    pastel,
    vivid,
    wood,
)


def person(c: Canvas, rng: random.Random, x: float, y: float, h: float, colours: tuple) -> None:
    """Draw a standing person of height h with feet at (x, y); `colours`: of skin, clothes and boots."""
    skin, clothes, boots = colours
    arms = rng.uniform(-0.25, 0.3) * h
    for side in (-1, 1):
        c.polygon([(x, y - 0.5 * h), (x + side * 0.17 * h, y - 0.48 * h), (x + side * 0.17 * h, y), (x, y)], boots)
        hand = (x + side * 0.33 * h, y - 0.62 * h + side * arms)
        c.line([(x + side * 0.13 * h, y - 0.75 * h), hand], clothes, 0.1 * h)
        c.disc(*hand, 0.05 * h, skin, edge=0)
    c.polygon(
        [
            (x - 0.17 * h, y - 0.8 * h),
            (x + 0.17 * h, y - 0.8 * h),
            (x + 0.12 * h, y - 0.45 * h),
            (x - 0.12 * h, y - 0.45 * h),
        ],
        clothes,
    )
    c.disc(x, y - 0.89 * h, 0.1 * h, skin)


def painted_statue(c: Canvas, rng: random.Random) -> None:
    c.oval(0, 0.8, 0.55, 0.14, rng.choice((BLACK, grey(rng), wood(rng))))
    if rng.random() < 0.5:
        c.polygon([(-0.15, -0.6), (0.15, -0.6), (rng.uniform(0.4, 0.7), 0.6), (-0.5, 0.6)], vivid(rng))  # a cape
    person(c, rng, 0, 0.78, 1.6, (SKIN, vivid(rng), vivid(rng)))
    hair = from_hsv(rng.random(), 0.7, rng.uniform(0.1, 0.9))
    c.polygon(arc(0, -0.68, 0.19, 0.19, 180, 360), hair)
    if rng.random() < 0.4:
        c.line([(0.52, -0.7), (0.52, 0.4)], SILVER, 0.05)


def big_head(c: Canvas, rng: random.Random) -> None:
    clothes, hair = vivid(rng), from_hsv(rng.random(), 0.7, rng.uniform(0.1, 0.9))
    for side in (-1, 1):
        c.rounded(side * 0.18 - 0.14, 0.6, side * 0.18 + 0.14, 0.9, BLACK, radius=0.08)
        c.line([(side * 0.2, 0.25), (side * 0.42, 0.5)], clothes, 0.13)
    c.rounded(-0.27, 0.1, 0.27, 0.7, clothes)
    c.rounded(-0.6, -0.85, 0.6, 0.2, hair, radius=0.35)
    c.rounded(-0.5, -0.5, 0.5, 0.18, rng.choice((SKIN, SKIN, pastel(rng))), radius=0.25)
    for side in (-1, 1):
        c.disc(side * 0.25, -0.15, 0.1, BLACK)


def blister(c: Canvas, rng: random.Random) -> None:
    c.rectangle(-0.62, -0.92, 0.62, 0.92, vivid(rng))
    c.lettering(rng, (-0.5, -0.85, 0.5, -0.6), rng.choice((WHITE, YELLOW)), 1)
    c.rounded(-0.45, -0.5, 0.45, 0.82, (220, 236, 244))
    person(c, rng, 0, 0.7, 1.1, (SKIN, vivid(rng), vivid(rng)))


def squad(c: Canvas, rng: random.Random) -> None:
    metal = rng.choice((grey(rng, 90, 170), grey(rng, 120, 200), muted(rng)))
    count = rng.randint(3, 6)
    for i in range(count):
        x, y = -0.75 + 1.5 * i / (count - 1), rng.uniform(0.3, 0.7) if count > 4 else 0.45
        c.oval(x, y, 0.2, 0.07, darken(metal, 0.4))
        person(c, rng, x, y, 0.9, (metal, metal, metal))
        c.line([(x + 0.25, y - 0.95), (x + 0.2, y - 0.1)], darken(metal, 0.6), 0.03)


def knight(c: Canvas, rng: random.Random) -> None:
    steel = grey(rng, 110, 190)
    c.oval(0, 0.8, 0.6, 0.15, darken(wood(rng), 0.6))
    person(c, rng, 0, 0.78, 1.45, (steel, darken(steel, 0.8), steel))
    c.polygon(
        [(-0.75, -0.3), (-0.25, -0.3), (-0.27, 0.15), (-0.5, 0.4), (-0.73, 0.15)], rng.choice((vivid(rng), steel))
    )
    c.polygon([(0.5, 0.1), (0.56, -0.9), (0.62, 0.1)], SILVER)
    c.polygon(arc(0, -0.52, 0.19, 0.22, 180, 360), darken(steel, 0.6))


def dice(c: Canvas, rng: random.Random) -> None:
    colour = vivid(rng)
    for i in range(rng.randint(4, 7)):
        x, y, sides = -0.6 + 0.6 * (i % 3), -0.55 + 0.55 * (i // 3), rng.choice((3, 4, 5, 6, 8))
        points = arc(x, y, 0.27, 0.27, rng.uniform(0, 90), 450, steps=sides)
        c.polygon(points, colour)
        for point in points:
            c.line([(x, y), point], darken(colour, 0.7), 0.015)
        c.lettering(rng, (x - 0.08, y - 0.08, x + 0.08, y + 0.08), WHITE, 1)


def wheels(c: Canvas, y: float, radius: float, hub: tuple[int, int, int], xs: tuple[float, ...] = (-0.5, 0.5)) -> None:
    for x in xs:
        c.disc(x, y, radius, BLACK)
        c.disc(x, y, 0.5 * radius, hub)


def toy_car(c: Canvas, rng: random.Random) -> None:
    paint = vivid(rng)
    c.polygon([(-0.5, 0), (-0.3, -0.45), (0.3, -0.45), (0.55, 0)], paint)
    c.polygon([(-0.38, -0.02), (-0.24, -0.35), (-0.02, -0.35), (-0.02, -0.02)], (190, 225, 240))
    c.polygon([(0.05, -0.02), (0.05, -0.35), (0.24, -0.35), (0.4, -0.02)], (190, 225, 240))
    c.rounded(-0.9, -0.05, 0.9, 0.35, paint, radius=0.14)
    wheels(c, 0.36, 0.22, YELLOW if rng.random() < 0.5 else SILVER)


def truck(c: Canvas, rng: random.Random) -> None:
    c.rounded(-0.9, -0.5, 0.25, 0.3, vivid(rng), radius=0.05)
    c.rounded(0.3, -0.35, 0.85, 0.3, vivid(rng), radius=0.1)
    c.rectangle(0.5, -0.25, 0.78, 0, (190, 225, 240))
    if rng.random() < 0.5:
        c.line([(-0.8, -0.6), (0.4, -0.75)], SILVER, 0.06)
    wheels(c, 0.35, 0.19, YELLOW, (-0.6, -0.1, 0.55))


def teddy(c: Canvas, rng: random.Random) -> None:
    fur = rng.choice((from_hsv(rng.uniform(0.05, 0.1), 0.5, rng.uniform(0.45, 0.9)), pastel(rng), grey(rng, 140, 220)))
    belly = darken(fur, 1.2)
    for side in (-1, 1):
        c.disc(side * 0.33, -0.75, 0.16, fur)
        c.oval(side * 0.52, 0.12, 0.16, 0.28, fur)
        c.oval(side * 0.35, 0.72, 0.2, 0.18, fur)
    c.oval(0, 0.3, 0.46, 0.5, fur)
    c.oval(0, 0.32, 0.28, 0.34, belly)
    c.disc(0, -0.42, 0.42, fur)
    c.oval(0, -0.3, 0.18, 0.13, belly)
    for x, y in ((-0.15, -0.5), (0.15, -0.5), (0, -0.34)):
        c.disc(x, y, 0.05, BLACK)


def bricks(c: Canvas, rng: random.Random) -> None:
    for row in range(rng.randint(3, 5)):
        x = -0.8 + rng.choice((0, 0.2))
        while x < 0.6:
            w, y, colour = (
                rng.choice((0.3, 0.5)),
                0.5 - 0.32 * row,
                rng.choice((RED, YELLOW, (30, 90, 200), (40, 160, 70))),
            )
            c.rectangle(x, y, x + w, y + 0.3, colour)
            for stud in range(2):
                c.rectangle(x + 0.06 + 0.5 * w * stud, y - 0.05, x + 0.16 + 0.5 * w * stud, y, colour)
            x += w + (0.3 if rng.random() < 0.2 else 0)


def doll(c: Canvas, rng: random.Random) -> None:
    dress, hair = (
        rng.choice((pastel(rng), (240, 120, 180), vivid(rng))),
        from_hsv(rng.uniform(0, 0.14), 0.7, rng.uniform(0.2, 0.9)),
    )
    c.oval(0, -0.45, 0.34, 0.42, hair)
    c.polygon([(-0.14, -0.15), (0.14, -0.15), (0.6, 0.65), (-0.6, 0.65)], dress)
    for side in (-1, 1):
        c.line([(side * 0.14, -0.08), (side * 0.5, 0.25)], SKIN, 0.09)
        c.line([(side * 0.15, 0.65), (side * 0.15, 0.9)], SKIN, 0.1)
    c.disc(0, -0.48, 0.24, SKIN)
    for side in (-1, 1):
        c.disc(side * 0.09, -0.5, 0.03, BLACK)


def drone(c: Canvas, rng: random.Random) -> None:
    body = rng.choice((BLACK, WHITE, grey(rng), vivid(rng)))
    for x, y in ((-0.65, -0.45), (0.65, -0.45), (-0.65, 0.45), (0.65, 0.45)):
        c.line([(0, 0), (x, y)], darken(body, 0.8), 0.09)
        c.line(arc(x, y, 0.3, 0.22, 0, 360), grey(rng, 100, 160), 0.025)
        c.line([(x - 0.28, y - 0.03), (x + 0.28, y + 0.03)], BLACK, 0.05)
    c.oval(0, 0, 0.32, 0.24, body)
    c.disc(0, 0.1, 0.09, (40, 60, 90))


def plane(c: Canvas, rng: random.Random) -> None:
    paint = rng.choice((muted(rng), SILVER, vivid(rng)))
    c.polygon([(-0.15, 0), (-0.45, -0.75), (-0.2, -0.75), (0.25, 0)], darken(paint, 0.8))
    c.polygon([(-0.9, 0.05), (-0.75, -0.12), (0.6, -0.14), (0.9, 0.03), (0.6, 0.14), (-0.7, 0.1)], paint)
    c.polygon([(-0.1, 0.05), (-0.5, 0.8), (-0.22, 0.8), (0.3, 0.05)], darken(paint, 0.9))
    c.polygon([(-0.9, 0), (-0.95, -0.4), (-0.75, -0.4), (-0.6, -0.05)], darken(paint, 0.85))
    c.oval(0.45, -0.1, 0.15, 0.07, (150, 200, 225))
    c.line([(0.92, -0.25), (0.92, 0.3)], BLACK, 0.04)


def locomotive(c: Canvas, rng: random.Random) -> None:
    paint = rng.choice((muted(rng), vivid(rng), BLACK))
    c.rectangle(-0.9, -0.35, 0.85, 0.3, paint)
    c.rectangle(-0.9, -0.45, 0.85, -0.35, darken(paint, 0.6))
    for i in range(5):
        c.rectangle(-0.75 + 0.32 * i, -0.22, -0.57 + 0.32 * i, 0.02, (200, 225, 235))
    c.line([(-0.9, 0.15), (0.85, 0.15)], YELLOW, 0.05)
    wheels(c, 0.36, 0.11, grey(rng), (-0.7, -0.45, 0.4, 0.65))
    c.line([(-1, 0.49), (1, 0.49)], (90, 80, 75), 0.05)


def buggy(c: Canvas, rng: random.Random) -> None:
    paint = vivid(rng)
    c.polygon([(-0.6, 0.1), (-0.35, -0.3), (0.15, -0.35), (0.85, 0.05), (0.7, 0.2), (-0.6, 0.25)], paint)
    c.polygon([(-0.3, -0.05), (-0.2, -0.25), (0.1, -0.28), (0.25, -0.05)], BLACK)
    c.line([(-0.75, -0.45), (-0.35, -0.5)], BLACK, 0.07)
    c.line([(-0.2, -0.3), (-0.3, -0.95)], BLACK, 0.018)
    wheels(c, 0.28, 0.34, rng.choice((WHITE, paint)), (-0.6, 0.6))


def sprue(c: Canvas, rng: random.Random) -> None:
    """Draw the frame with the unassembled pieces of a model kit."""
    plastic = rng.choice((grey(rng, 120, 190), muted(rng)))
    c.line([(-0.9, -0.7), (0.9, -0.7), (0.9, 0.7), (-0.9, 0.7), (-0.9, -0.7)], plastic, 0.05)
    c.line([(-0.9, 0), (0.9, 0)], plastic, 0.04)
    for i in range(8):
        x, y = -0.68 + 0.45 * (i % 4), -0.35 + 0.7 * (i // 4)
        shape = arc(x, y, rng.uniform(0.08, 0.18), rng.uniform(0.08, 0.25), 0, 360, steps=rng.randint(3, 8))
        c.polygon(shape, plastic)
        c.line([(x, y), (x, 0)], plastic, 0.02)


DRAWINGS = {
    1140: (painted_statue, big_head, blister),
    1180: (squad, knight, dice),
    1280: (toy_car, truck, teddy, bricks, doll),
    1300: (drone, plane, locomotive, buggy, sprue),
}

"""Drawings of furniture for house and garden, household linen and decoration."""

import random

from sample_catalogue.canvas import Canvas, arc
from sample_catalogue.colours import (
    BLACK,
    RED,
    SILVER,
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
    wood,
)
from sample_catalogue.drawings.covers import Box, art


def pattern(c: Canvas, rng: random.Random, box: Box) -> None:
    """Draw a printed fabric: stripes, dots, checks or flowers."""
    x0, y0, x1, y1 = box
    ground, ink = any_colour(rng), rng.choice((WHITE, vivid(rng), pastel(rng)))
    kind, count = rng.randrange(4), rng.randint(4, 8)
    w, h = (x1 - x0) / count, (y1 - y0) / count
    c.rectangle(*box, ground)
    for i in range(count):
        if kind in (0, 1):
            c.rectangle(x0 + i * w, y0, x0 + (i + 0.5) * w, y1, ink, edge=0)
        if kind == 1:
            c.rectangle(x0, y0 + i * h, x1, y0 + (i + 0.3) * h, darken(ink, 0.85), edge=0)
        for j in range(count if kind > 1 else 0):
            x, y = x0 + (i + 0.5) * w, y0 + (j + 0.5) * h
            c.oval(x, y, 0.3 * w, 0.3 * h, ink, edge=0)
            if kind == 3:
                c.oval(x, y, 0.12 * w, 0.12 * h, YELLOW, edge=0)


def chair(c: Canvas, rng: random.Random) -> None:
    seat, legs = any_colour(rng), rng.choice((wood(rng), BLACK, SILVER))
    for x0, x1, y in ((-0.4, -0.5, 0.9), (0.4, 0.5, 0.9), (-0.3, -0.32, 0.7), (0.3, 0.32, 0.7)):
        c.line([(x0, 0.1), (x1, y)], legs, 0.06)
    c.rounded(-0.42, -0.9, 0.42, 0, seat, radius=0.15)
    c.polygon([(-0.42, -0.02), (0.42, -0.02), (0.52, 0.2), (-0.52, 0.2)], darken(seat, 0.85))


def sofa(c: Canvas, rng: random.Random) -> None:
    cloth = any_colour(rng)
    c.rounded(-0.85, -0.5, 0.85, 0.2, darken(cloth, 0.9))
    seats = rng.choice((2, 3))
    for i in range(seats):
        x = -0.7 + 1.4 * i / seats
        c.rounded(x, -0.4, x + 1.4 / seats, 0.05, cloth, radius=0.06)
        c.rounded(x, 0, x + 1.4 / seats, 0.25, darken(cloth, 1.1), radius=0.06)
    for x in (-0.97, 0.72):
        c.rounded(x, -0.2, x + 0.25, 0.45, cloth, radius=0.1)
    c.rectangle(-0.9, 0.25, 0.9, 0.45, darken(cloth, 0.8))


def cupboard(c: Canvas, rng: random.Random) -> None:
    body = rng.choice((wood(rng), wood(rng), WHITE, grey(rng)))
    doors, drawers = rng.choice((2, 3)), rng.choice((0, 2))
    c.rectangle(-0.7, -0.9, 0.7, 0.85, darken(body, 0.85))
    for i in range(doors):
        x, w = -0.66 + 1.32 * i / doors, 1.32 / doors
        c.rectangle(x, -0.86, x + w, 0.8 - 0.25 * drawers, body)
        c.disc(x + 0.8 * w, 0, 0.03, BLACK)
    for i in range(drawers):
        c.rectangle(-0.66, 0.8 - 0.25 * (i + 1), 0.66, 0.8 - 0.25 * i, body)
        c.line([(-0.1, 0.68 - 0.25 * i), (0.1, 0.68 - 0.25 * i)], BLACK, 0.03)


def coffee_table(c: Canvas, rng: random.Random) -> None:
    top = rng.choice((wood(rng), wood(rng), WHITE, grey(rng)))
    legs = rng.choice((BLACK, darken(top, 0.8)))
    for x in (-0.75, 0.7):
        c.line([(x, 0), (x * 1.05, 0.7)], legs, 0.07)
        c.line([(x * 0.7, -0.1), (x * 0.72, 0.45)], darken(legs, 0.8), 0.06)
    c.polygon([(-0.6, -0.35), (0.7, -0.35), (0.92, 0), (-0.9, 0)], top)
    c.rectangle(-0.9, 0, 0.92, 0.09, darken(top, 0.7))


def bed(c: Canvas, rng: random.Random) -> None:
    frame = rng.choice((wood(rng), grey(rng), BLACK))
    c.rectangle(-0.7, -0.75, 0.7, 0, frame)
    c.polygon([(-0.7, -0.2), (0.7, -0.2), (0.92, 0.55), (-0.92, 0.55)], rng.choice((WHITE, pastel(rng))))
    c.rectangle(-0.92, 0.55, 0.92, 0.75, darken(frame, 0.85))
    for x in (-0.35, 0.35):
        c.rounded(x - 0.28, -0.32, x + 0.28, -0.05, WHITE, radius=0.08)


def cushion(c: Canvas, rng: random.Random) -> None:
    pattern(c, rng, (-0.72, -0.72, 0.72, 0.72))
    for x0, y0, x1, y1, bend in ((-1, -1, 1, -1, 0.1), (-1, 1, 1, 1, -0.1)):
        c.polygon([(0.75 * x0, 0.75 * y0), (0, 0.75 * y0 + bend), (0.75 * x1, 0.75 * y1)], WHITE, edge=0)
        c.polygon([(0.75 * y0, 0.75 * x0), (0.75 * y0 + bend, 0), (0.75 * y1, 0.75 * x1)], WHITE, edge=0)


def bed_linen(c: Canvas, rng: random.Random) -> None:
    pattern(c, rng, (-0.9, -0.15, 0.9, 0.75))
    for x in (-0.85, 0.05):
        pillow = any_colour(rng)
        c.rounded(x, -0.6, x + 0.8, -0.1, pillow, radius=0.12)
    c.rectangle(-0.92, -0.2, 0.92, 0.02, WHITE)


def curtains(c: Canvas, rng: random.Random) -> None:
    cloth = any_colour(rng)
    c.line([(-0.95, -0.85), (0.95, -0.85)], rng.choice((BLACK, SILVER)), 0.06)
    for side in (-1, 1):
        for i in range(5):
            x = side * (0.88 - 0.15 * i)
            shade = darken(cloth, 1.0 if i % 2 else 0.82)
            c.polygon([(x, -0.83), (x - side * 0.15, -0.83), (x - side * 0.12, 0.88), (x + side * 0.03, 0.88)], shade)


def folded_towels(c: Canvas, rng: random.Random) -> None:
    for i in range(rng.randint(2, 5)):
        y, cloth = 0.6 - 0.32 * i, any_colour(rng)
        c.rounded(-0.75, y - 0.3, 0.75, y, cloth, radius=0.13)
        c.line([(-0.7, y - 0.15), (0.74, y - 0.15)], darken(cloth, 0.7), 0.02)


def framed_canvas(c: Canvas, rng: random.Random) -> None:
    if rng.random() < 0.5:
        c.rectangle(-0.88, -0.68, 0.88, 0.68, rng.choice((BLACK, wood(rng), (200, 165, 80))))
        art(c, rng, (-0.76, -0.56, 0.76, 0.56))
    else:
        for i in range(3):
            x, dy = -0.9 + 0.62 * i, 0.1 * (i % 2)
            art(c, rng, (x, -0.7 + dy, x + 0.56, 0.6 + dy))


def lamp(c: Canvas, rng: random.Random) -> None:
    shade = rng.choice((pastel(rng), YELLOW, any_colour(rng)))
    base = rng.choice((BLACK, wood(rng), SILVER))
    c.line([(0, -0.1), (0, 0.75)], base, 0.07)
    c.oval(0, 0.78, 0.35, 0.1, base)
    top = rng.uniform(0.2, 0.45)
    c.polygon([(-top, -0.85), (top, -0.85), (0.6, -0.1), (-0.6, -0.1)], shade)


def vase(c: Canvas, rng: random.Random) -> None:
    for x, y in ((-0.35, -0.7), (0, -0.85), (0.35, -0.65)):
        c.line([(0, 0), (x, y)], leaf(rng), 0.03)
        petals = vivid(rng)
        for i in range(5):
            (px, py), *_ = arc(x, y, 0.1, 0.1, 72 * i, 360, steps=1)
            c.disc(px, py, 0.08, petals)
        c.disc(x, y, 0.06, YELLOW)
    body = any_colour(rng)
    sides = [(0.14, -0.15), (0.1, 0.05), (0.4, 0.4), (0.25, 0.9)]
    c.polygon([*sides, *[(-x, y) for x, y in reversed(sides)]], body)


def wall_clock(c: Canvas, rng: random.Random) -> None:
    c.disc(0, 0, 0.82, rng.choice((BLACK, wood(rng), vivid(rng))))
    c.disc(0, 0, 0.7, rng.choice((WHITE, pastel(rng))))
    for i in range(12):
        (x, y), *_ = arc(0, 0, 0.58, 0.58, 30 * i, 360, steps=1)
        c.disc(x, y, 0.05, BLACK, edge=0)
    for length, width in ((0.35, 0.06), (0.5, 0.04)):
        (x, y), *_ = arc(0, 0, length, length, rng.uniform(0, 360), 360, steps=1)
        c.line([(0, 0), (x, y)], BLACK, width)


def christmas_tree(c: Canvas, rng: random.Random) -> None:
    c.rectangle(-0.1, 0.6, 0.1, 0.9, wood(rng))
    for i in range(3):
        c.polygon(
            [(0, -0.85 + 0.4 * i), (0.35 + 0.15 * i, -0.15 + 0.4 * i), (-0.35 - 0.15 * i, -0.15 + 0.4 * i)], leaf(rng)
        )
    for _ in range(9):
        y = rng.uniform(-0.4, 0.55)
        c.disc(rng.uniform(-0.3, 0.3) * (y + 0.9), y, 0.07, rng.choice((RED, YELLOW, SILVER)))


def parasol(c: Canvas, rng: random.Random) -> None:
    cloth = any_colour(rng)
    c.line([(0, -0.5), (0, 0.85)], rng.choice((wood(rng), SILVER)), 0.06)
    for i in range(6):
        x0, x1 = -0.9 + 0.3 * i, -0.6 + 0.3 * i
        c.polygon([(0, -0.85), (x0, -0.25), (x1, -0.25)], darken(cloth, 1.0 if i % 2 else 0.8))
    c.oval(0, 0.87, 0.28, 0.08, grey(rng, 50, 120))


def lounger(c: Canvas, rng: random.Random) -> None:
    cloth, frame = any_colour(rng), rng.choice((wood(rng), SILVER, BLACK))
    c.polygon([(-0.9, 0.1), (0.3, 0.1), (0.85, -0.5), (0.92, -0.4), (0.38, 0.25), (-0.9, 0.25)], cloth)
    c.line([(-0.9, 0.27), (0.4, 0.27), (0.9, -0.38)], frame, 0.05)
    for x in (-0.7, 0.25, 0.6):
        c.line([(x, 0.27), (x + rng.uniform(-0.05, 0.05), 0.65)], frame, 0.06)


def garden_set(c: Canvas, rng: random.Random) -> None:
    """Draw a table between two chairs, made of slats or of woven resin."""
    stuff = rng.choice((wood(rng), from_hsv(0.07, 0.3, 0.35), grey(rng, 60, 130)))
    for side in (-1, 1):
        x = side * 0.68
        c.rounded(x - 0.24, -0.5, x + 0.24, 0.15, stuff, radius=0.08)
        c.rectangle(x - 0.24, 0.05, x + 0.24, 0.18, rng.choice((WHITE, muted(rng))))
        c.rectangle(x - 0.24, 0.18, x + 0.24, 0.55, darken(stuff, 0.8))
        for i in range(4):
            c.line([(x - 0.22, -0.4 + 0.12 * i), (x + 0.22, -0.4 + 0.12 * i)], darken(stuff, 0.6), 0.015)
    c.polygon([(-0.35, 0.15), (0.35, 0.15), (0.45, 0.35), (-0.45, 0.35)], (190, 215, 220))
    c.rectangle(-0.42, 0.35, 0.42, 0.7, darken(stuff, 0.9))
    if rng.random() < 0.5:
        c.rectangle(-1, 0.7, 1, 0.85, leaf(rng), edge=0)


def gazebo(c: Canvas, rng: random.Random) -> None:
    cloth = rng.choice((WHITE, pastel(rng), leaf(rng), muted(rng)))
    for x in (-0.8, -0.4, 0.4, 0.8):
        c.line([(x, -0.2), (x, 0.85 if abs(x) > 0.5 else 0.6)], SILVER, 0.05)
    c.polygon([(0, -0.85), (0.92, -0.25), (-0.92, -0.25)], cloth)
    c.rectangle(-0.92, -0.25, 0.92, -0.1, darken(cloth, 0.85))


DRAWINGS = {
    1560: (chair, sofa, cupboard, coffee_table, bed),
    1920: (cushion, bed_linen, curtains, folded_towels),
    2060: (framed_canvas, lamp, vase, wall_clock, christmas_tree),
    2582: (parasol, lounger, garden_set, gazebo),
}

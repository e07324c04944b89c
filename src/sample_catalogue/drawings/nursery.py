"""Drawings of baby clothes and baby care; groceries and pet supplies, which have similar packs."""

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
    muted,
    pastel,
    vivid,
    wood,
)


def socks(c: Canvas, rng: random.Random) -> None:
    for i in range(rng.choice((1, 2, 3))):
        knit, x = pastel(rng), -0.55 + 0.5 * i
        leg = [(x - 0.15, -0.7), (x + 0.15, -0.7), (x + 0.17, 0.15), (x + 0.45, 0.4)]
        c.polygon([*leg, *arc(x + 0.36, 0.5, 0.2, 0.14, -30, 140, steps=8), (x - 0.1, 0.5), (x - 0.15, 0.2)], knit)
        c.rectangle(x - 0.16, -0.72, x + 0.16, -0.52, darken(knit, 0.85))
        for stripe in range(rng.randint(0, 3)):
            c.rectangle(x - 0.14, -0.4 + 0.2 * stripe, x + 0.14, -0.32 + 0.2 * stripe, vivid(rng), edge=0)


def bodysuit(c: Canvas, rng: random.Random) -> None:
    cloth = rng.choice((WHITE, pastel(rng), pastel(rng)))
    trim = rng.choice((pastel(rng), vivid(rng)))
    c.polygon([(-0.35, -0.6), (-0.85, -0.25), (-0.7, 0.02), (-0.35, -0.2)], cloth)
    c.polygon([(0.35, -0.6), (0.85, -0.25), (0.7, 0.02), (0.35, -0.2)], cloth)
    c.polygon([(-0.38, -0.62), (0.38, -0.62), (0.42, 0.5), (0.12, 0.85), (-0.12, 0.85), (-0.42, 0.5)], cloth)
    c.polygon(arc(0, -0.62, 0.2, 0.15, 0, 180), darken(trim, 0.9))
    c.oval(0, 0.05, 0.18, 0.18, trim)
    for x in (-0.06, 0.06):
        c.disc(x, 0.02, 0.025, BLACK)


def booties(c: Canvas, rng: random.Random) -> None:
    wool = pastel(rng)
    for x, y in ((-0.35, -0.2), (0.3, 0.25)):
        c.rounded(x - 0.4, y - 0.15, x + 0.5, y + 0.3, wool, radius=0.2)
        c.rounded(x - 0.42, y - 0.45, x + 0.02, y + 0.05, darken(wool, 0.92))
        c.disc(x + 0.1, y - 0.05, 0.09, rng.choice((WHITE, vivid(rng))))
        c.rectangle(x - 0.38, y + 0.24, x + 0.46, y + 0.32, WHITE)


def stroller(c: Canvas, rng: random.Random) -> None:
    cloth = rng.choice((BLACK, muted(rng), vivid(rng)))
    c.line([(-0.35, 0.1), (0.35, 0.65)], SILVER, 0.05)
    c.line([(0.3, 0.1), (-0.4, 0.65)], SILVER, 0.05)
    c.line([(0.4, -0.1), (0.75, -0.55), (0.9, -0.5)], SILVER, 0.05)
    c.polygon([*arc(-0.05, -0.15, 0.5, 0.65, 180, 300), (-0.05, -0.15)], darken(cloth, 0.8))
    c.polygon(arc(0, -0.12, 0.55, 0.45, 0, 180), cloth)
    for x in (-0.42, 0.38):
        c.disc(x, 0.7, 0.2, BLACK)
        c.disc(x, 0.7, 0.1, SILVER)


def feeding_bottle(c: Canvas, rng: random.Random) -> None:
    ring = rng.choice((pastel(rng), vivid(rng)))
    c.polygon([(-0.12, -0.55), (-0.05, -0.9), (0.05, -0.9), (0.12, -0.55)], (235, 200, 150))
    c.rounded(-0.26, -0.3, 0.26, 0.88, (225, 238, 245))
    c.rounded(-0.24, rng.uniform(-0.1, 0.4), 0.24, 0.86, WHITE)
    c.rectangle(-0.28, -0.55, 0.28, -0.28, ring)
    for i in range(5):
        c.line([(0.05, 0.7 - 0.17 * i), (0.2, 0.7 - 0.17 * i)], darken(ring, 0.7), 0.015)


def pacifier(c: Canvas, rng: random.Random) -> None:
    colour = rng.choice((pastel(rng), vivid(rng)))
    c.line(arc(0, 0.5, 0.3, 0.3, 0, 360), darken(colour, 0.8), 0.08)
    c.oval(0, -0.55, 0.2, 0.28, (240, 215, 170))
    c.oval(0, 0, 0.7, 0.36, colour)
    c.disc(0, 0.05, 0.2, WHITE)


def cot(c: Canvas, rng: random.Random) -> None:
    frame = rng.choice((WHITE, wood(rng)))
    c.rectangle(-0.85, 0.25, 0.85, 0.5, pastel(rng))
    for x in [-0.85 + 0.17 * i for i in range(11)]:
        c.line([(x, -0.35), (x, 0.5)], darken(frame, 0.85), 0.035)
    for y in (-0.4, 0.5):
        c.rectangle(-0.92, y, 0.92, y + 0.1, frame)
    for x in (-0.92, 0.82):
        c.rectangle(x, -0.65, x + 0.1, 0.85, frame)


def jar(c: Canvas, rng: random.Random) -> None:
    content = from_hsv(rng.choice((0.02, 0.09, 0.12, 0.95)), 0.85, rng.uniform(0.4, 0.85))
    c.rounded(-0.45, -0.5, 0.45, 0.8, content, radius=0.15)
    c.rounded(-0.42, -0.78, 0.42, -0.5, rng.choice((RED, YELLOW, SILVER, WHITE)), radius=0.05)
    c.rectangle(-0.45, -0.15, 0.45, 0.5, PAPER_LABEL)
    c.lettering(rng, (-0.35, -0.05, 0.35, 0.2), darken(content, 0.5), 2)
    c.disc(0, 0.33, 0.12, vivid(rng))


def wine_bottle(c: Canvas, rng: random.Random) -> None:
    glass = rng.choice(((30, 60, 40), (60, 30, 30), (200, 180, 60)))
    c.rectangle(-0.1, -0.92, 0.1, -0.4, glass)
    c.polygon([(-0.1, -0.45), (0.1, -0.45), (0.28, -0.2), (0.28, 0.9), (-0.28, 0.9), (-0.28, -0.2)], glass)
    c.rectangle(-0.11, -0.95, 0.11, -0.65, rng.choice((RED, BLACK, YELLOW)))
    c.rectangle(-0.28, 0.05, 0.28, 0.65, PAPER_LABEL)
    c.lettering(rng, (-0.2, 0.15, 0.2, 0.5), BLACK, 3)


def tea_packet(c: Canvas, rng: random.Random) -> None:
    paper = rng.choice((leaf(rng), from_hsv(0.07, 0.7, 0.35), vivid(rng)))
    c.polygon([(-0.5, -0.6), (0.5, -0.6), (0.55, 0.85), (-0.55, 0.85)], paper)
    c.rectangle(-0.5, -0.82, 0.5, -0.6, darken(paper, 0.7))
    c.lettering(rng, (-0.38, -0.4, 0.38, -0.1), WHITE, 2)
    c.oval(0, 0.5, 0.3, 0.14, WHITE)
    c.oval(0, 0.46, 0.24, 0.08, from_hsv(0.08, 0.8, 0.35))


def chocolate_box(c: Canvas, rng: random.Random) -> None:
    c.rounded(-0.9, -0.6, 0.9, 0.6, rng.choice((RED, (200, 160, 60), vivid(rng))))
    for i in range(12):
        x, y = -0.6 + 0.4 * (i % 4), -0.35 + 0.35 * (i // 4)
        c.disc(x, y, 0.14, from_hsv(0.06, 0.7, rng.choice((0.25, 0.4, 0.85))))


def kibble_bag(c: Canvas, rng: random.Random) -> None:
    c.polygon([(-0.55, -0.85), (0.55, -0.85), (0.65, 0.9), (-0.65, 0.9)], vivid(rng))
    c.lettering(rng, (-0.42, -0.7, 0.42, -0.45), WHITE, 1)
    fur = wood(rng)
    for side in (-1, 1):
        c.oval(side * 0.3, 0.1, 0.12, 0.28, darken(fur, 0.7))
    c.oval(0, 0.12, 0.28, 0.34, fur)
    c.oval(0, 0.3, 0.1, 0.07, BLACK)
    for side in (-1, 1):
        c.disc(side * 0.11, 0.03, 0.04, BLACK)


def leash(c: Canvas, rng: random.Random) -> None:
    strap = rng.choice((vivid(rng), BLACK, RED))
    c.line(arc(-0.2, 0.2, 0.5, 0.5, 0, 360, steps=30), strap, 0.12)
    c.line([(0.28, 0.1), (0.6, -0.3), (0.3, -0.6), (0.7, -0.85)], strap, 0.07)
    c.rectangle(-0.3, 0.6, -0.08, 0.82, SILVER)
    c.disc(-0.2, -0.42, 0.09, YELLOW)


def cat_tree(c: Canvas, rng: random.Random) -> None:
    plush = rng.choice(((220, 205, 180), grey(rng, 120, 190), muted(rng)))
    for x, top in ((-0.4, -0.6), (0.4, -0.15)):
        c.rectangle(x - 0.08, top, x + 0.08, 0.75, (205, 175, 125))
        c.rounded(x - 0.38, top - 0.12, x + 0.38, top + 0.02, plush, radius=0.05)
    c.rounded(-0.3, 0.2, 0.5, 0.75, plush)
    c.disc(0.1, 0.48, 0.16, BLACK)
    c.rounded(-0.85, 0.75, 0.85, 0.88, plush, radius=0.05)


def fish_tank(c: Canvas, rng: random.Random) -> None:
    c.rectangle(-0.85, -0.55, 0.85, 0.6, (170, 215, 235))
    c.rectangle(-0.85, 0.4, 0.85, 0.6, (215, 195, 140))
    for y in (-0.65, 0.58):
        c.rectangle(-0.9, y, 0.9, y + 0.12, BLACK)
    for _ in range(rng.randint(2, 4)):
        x, y, scales = rng.uniform(-0.5, 0.5), rng.uniform(-0.3, 0.2), rng.choice(((250, 130, 30), vivid(rng)))
        c.polygon([(x + 0.1, y), (x + 0.26, y - 0.1), (x + 0.26, y + 0.1)], scales)
        c.oval(x, y, 0.15, 0.09, scales)
    c.line([(-0.6, 0.45), (-0.55, 0), (-0.65, -0.2)], leaf(rng), 0.05)


def bowl(c: Canvas, rng: random.Random) -> None:
    colour = rng.choice((SILVER, vivid(rng), pastel(rng)))
    c.polygon([(-0.7, -0.1), (0.7, -0.1), (0.88, 0.5), (-0.88, 0.5)], colour)
    c.oval(0, -0.1, 0.7, 0.2, darken(colour, 0.7))
    c.oval(0, -0.12, 0.52, 0.13, from_hsv(0.07, 0.6, 0.45))
    c.oval(0, 0.28, 0.14, 0.08, WHITE)


PAPER_LABEL = (246, 240, 222)

DRAWINGS = {
    1301: (socks, bodysuit, booties),
    1320: (stroller, feeding_bottle, pacifier, cot),
    1940: (jar, wine_bottle, tea_packet, chocolate_box),
    2220: (kibble_bag, leash, cat_tree, fish_tank, bowl),
}

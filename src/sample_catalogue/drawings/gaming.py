"""Drawings of games in cases, consoles and their accessories."""

import random

from sample_catalogue.canvas import Canvas, arc
from sample_catalogue.colours import BLACK, RED, SILVER, WHITE, YELLOW, any_colour, darken, grey, muted, vivid
from sample_catalogue.drawings.covers import art


def game_case(c: Canvas, rng: random.Random) -> None:
    band = rng.choice(((20, 70, 170), (40, 150, 60), RED, WHITE))
    c.rounded(-0.62, -0.86, 0.62, 0.86, darken(band, 0.8), radius=0.05)
    c.rectangle(-0.56, -0.8, 0.58, -0.6, band)
    c.lettering(rng, (-0.5, -0.76, 0.1, -0.64), WHITE if band != WHITE else BLACK, 1)
    art(c, rng, (-0.56, -0.6, 0.58, 0.8))
    c.lettering(rng, (-0.4, 0.1, 0.45, 0.4), rng.choice((WHITE, YELLOW)), 1)
    c.rectangle(-0.52, 0.6, -0.36, 0.77, rng.choice((BLACK, WHITE)))


def import_game_pack(c: Canvas, rng: random.Random) -> None:
    """Draw a case and a figurine in one cardboard pack."""
    c.rectangle(-0.85, -0.7, 0.85, 0.7, vivid(rng))
    c.rectangle(-0.78, -0.62, 0.1, 0.62, BLACK)
    art(c, rng, (-0.72, -0.4, 0.04, 0.56))
    c.rounded(0.2, -0.5, 0.78, 0.6, (215, 235, 245))
    c.disc(0.49, -0.15, 0.17, vivid(rng))
    c.polygon([(0.32, 0.45), (0.66, 0.45), (0.56, 0), (0.42, 0)], vivid(rng))


def scuffed_case(c: Canvas, rng: random.Random) -> None:
    c.rounded(-0.62, -0.86, 0.62, 0.86, BLACK, radius=0.05)
    c.rectangle(-0.5, -0.78, 0.58, 0.8, muted(rng))
    art(c, rng, (-0.46, -0.4, 0.54, 0.55))
    c.lettering(rng, (-0.4, -0.7, 0.45, -0.5), WHITE, 1)
    for _ in range(rng.randint(3, 7)):
        x, y = rng.uniform(-0.5, 0.4), rng.uniform(-0.7, 0.6)
        c.line([(x, y), (x + rng.uniform(-0.2, 0.2), y + rng.uniform(0, 0.2))], WHITE, 0.012)
    c.rounded(0.12, 0.3, 0.58, 0.62, YELLOW)  # the shop's price tag
    c.lettering(rng, (0.2, 0.38, 0.5, 0.53), BLACK, 1)


def loose_cartridge(c: Canvas, rng: random.Random) -> None:
    for i in range(rng.choice((1, 1, 2, 3))):
        dx, dy, shell = 0.25 * i - 0.2, 0.25 * i - 0.2, rng.choice((grey(rng, 90, 190), BLACK, vivid(rng)))
        c.rounded(-0.6 + dx, -0.6 + dy, 0.6 + dx, 0.6 + dy, shell, radius=0.08)
        c.rectangle(-0.42 + dx, -0.42 + dy, 0.42 + dx, 0.25 + dy, WHITE)
        art(c, rng, (-0.38 + dx, -0.2 + dy, 0.38 + dx, 0.2 + dy))
        c.rectangle(-0.4 + dx, 0.45 + dy, 0.4 + dx, 0.6 + dy, darken(shell, 0.6))


def bare_disc(c: Canvas, rng: random.Random) -> None:
    label = rng.choice((vivid(rng), SILVER, muted(rng)))
    c.disc(0, 0, 0.85, SILVER)
    c.disc(0, 0, 0.78, label)
    c.lettering(rng, (-0.5, -0.55, 0.5, -0.3), WHITE, 1)
    c.polygon([(0, 0), *arc(0, 0, 0.8, 0.8, 20, 50, steps=6)], darken(label, 1.3), edge=0)
    c.disc(0, 0, 0.22, WHITE)
    c.disc(0, 0, 0.1, grey(rng))


def big_pc_box(c: Canvas, rng: random.Random) -> None:
    side = rng.uniform(0.2, 0.35)
    c.polygon([(-0.6 - side, -0.7), (-0.6, -0.85), (-0.6, 0.85), (-0.6 - side, 0.7)], BLACK)
    c.rectangle(-0.6, -0.85, 0.75, 0.85, darken(vivid(rng), 0.5))
    art(c, rng, (-0.5, -0.45, 0.65, 0.5))
    c.lettering(rng, (-0.45, -0.75, 0.6, -0.52), rng.choice((WHITE, YELLOW, SILVER)), 1)
    c.rectangle(0.3, 0.6, 0.68, 0.78, WHITE)
    c.lettering(rng, (-0.5, 0.62, 0.2, 0.78), SILVER, 2)


def jewel_case(c: Canvas, rng: random.Random) -> None:
    c.rectangle(-0.85, -0.7, 0.75, 0.75, (225, 230, 235))
    c.rectangle(-0.85, -0.7, -0.7, 0.75, BLACK)
    art(c, rng, (-0.65, -0.62, 0.68, 0.68))
    c.disc(0.6, 0.45, 0.42, SILVER)
    c.disc(0.6, 0.45, 0.1, WHITE)
    c.lettering(rng, (-0.55, -0.52, 0.5, -0.32), WHITE, 1)


def download_card(c: Canvas, rng: random.Random) -> None:
    c.rounded(-0.9, -0.55, 0.9, 0.55, vivid(rng))
    c.rectangle(-0.9, 0.15, 0.9, 0.4, BLACK)
    c.lettering(rng, (-0.8, 0.2, 0.8, 0.35), WHITE, 1)
    c.lettering(rng, (-0.75, -0.4, 0.1, -0.15), WHITE, 1)
    art(c, rng, (0.3, -0.45, 0.8, 0.08))


def pad(c: Canvas, rng: random.Random, x: float = 0, y: float = 0, w: float = 0.85) -> None:
    """Draw a game pad of half-width w, centred at (x, y)."""
    body = rng.choice((BLACK, WHITE, grey(rng), vivid(rng)))
    light = sum(body) > 380
    c.oval(x - 0.62 * w, y + 0.2 * w, 0.36 * w, 0.5 * w, body)
    c.oval(x + 0.62 * w, y + 0.2 * w, 0.36 * w, 0.5 * w, body)
    c.rounded(x - 0.7 * w, y - 0.36 * w, x + 0.7 * w, y + 0.28 * w, body, radius=0.2 * w)
    ink = grey(rng, 40, 90) if light else grey(rng, 140, 190)
    c.rectangle(x - 0.7 * w, y - 0.12 * w, x - 0.38 * w, y - 0.02 * w, ink)
    c.rectangle(x - 0.59 * w, y - 0.23 * w, x - 0.49 * w, y + 0.09 * w, ink)
    for dx, dy, colour in ((0.45, -0.07, RED), (0.63, -0.07, YELLOW), (0.54, -0.18, (60, 160, 80)), (0.54, 0.05, ink)):
        c.disc(x + dx * w, y + dy * w, 0.06 * w, colour)
    for dx in (-0.25, 0.25):
        c.disc(x + dx * w, y + 0.14 * w, 0.13 * w, darken(ink, 0.7))


def controller(c: Canvas, rng: random.Random) -> None:
    pad(c, rng)


def headset(c: Canvas, rng: random.Random) -> None:
    colour = rng.choice((BLACK, WHITE, vivid(rng)))
    c.line(arc(0, 0.1, 0.65, 0.8, 180, 360), darken(colour, 0.8), 0.12)
    for side in (-1, 1):
        c.oval(side * 0.65, 0.25, 0.2, 0.34, colour)
        c.oval(side * 0.62, 0.25, 0.1, 0.22, grey(rng, 40, 90))
    c.line([(-0.62, 0.5), (-0.45, 0.78), (-0.15, 0.8)], BLACK, 0.04)
    c.oval(-0.12, 0.8, 0.1, 0.06, BLACK)


def cable(c: Canvas, rng: random.Random) -> None:
    colour = rng.choice((BLACK, grey(rng), WHITE))
    turns = rng.randint(2, 4)
    for i in range(turns):
        c.line(arc(0, 0, 0.6 - 0.07 * i, 0.45 - 0.06 * i, 0, 360, steps=40), darken(colour, 0.9), 0.05)
    c.line([(0.55, 0.1), (0.7, 0.5), (0.6, 0.75)], darken(colour, 0.9), 0.05)
    c.rectangle(0.5, 0.7, 0.72, 0.92, grey(rng))
    c.rounded(-0.9, 0.35, -0.4, 0.85, darken(colour, 0.8))


def home_console(c: Canvas, rng: random.Random) -> None:
    body = rng.choice((BLACK, BLACK, WHITE, grey(rng)))
    c.polygon([(-0.9, -0.35), (-0.6, -0.65), (0.95, -0.65), (0.85, -0.35)], darken(body, 1.25))
    c.rectangle(-0.9, -0.35, 0.85, rng.uniform(-0.05, 0.1), body)
    c.line([(-0.6, -0.22), (0.1, -0.22)], grey(rng), 0.03)
    c.disc(0.7, -0.2, 0.05, (60, 160, 240))
    for i in range(rng.choice((1, 2))):
        pad(c, rng, -0.4 + 0.85 * i, 0.5, 0.42)


def handheld(c: Canvas, rng: random.Random) -> None:
    body = any_colour(rng)
    c.rounded(-0.95, -0.45, 0.95, 0.45, body, radius=rng.uniform(0.08, 0.3))
    c.rectangle(-0.55, -0.36, 0.55, 0.36, BLACK)
    art(c, rng, (-0.48, -0.3, 0.48, 0.3))
    for side in (-1, 1):
        c.disc(side * 0.75, -0.15, 0.1, BLACK)
        c.disc(side * 0.75, 0.18, 0.07, grey(rng))


def retro_console(c: Canvas, rng: random.Random) -> None:
    body = rng.choice((grey(rng, 150, 220), (225, 220, 205), BLACK))
    c.rounded(-0.85, -0.75, 0.85, 0.1, body, radius=0.08)
    c.rectangle(-0.4, -0.6, 0.4, -0.45, darken(body, 0.5))
    for x in (-0.6, 0.55):
        c.rectangle(x, -0.2, x + 0.14, -0.08, rng.choice((RED, (110, 90, 170))))
    for x in (-0.85, 0.1):
        c.rounded(x, 0.35, x + 0.75, 0.75, darken(body, 0.95), radius=0.06)
        c.rectangle(x + 0.08, 0.5, x + 0.28, 0.58, BLACK)
        c.disc(x + 0.5, 0.56, 0.06, RED)
        c.disc(x + 0.64, 0.56, 0.06, RED)


DRAWINGS = {
    40: (game_case, import_game_pack),
    50: (controller, headset, cable),
    60: (home_console, handheld, retro_console),
    2462: (scuffed_case, loose_cartridge, bare_disc),
    2905: (big_pc_box, jewel_case, download_card),
}

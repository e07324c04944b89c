"""Random colours as they occur in product photographs. A colour is (red, green, blue), 0 to 255."""

import colorsys
import random

Colour = tuple[int, int, int]

BLACK, WHITE, RED, YELLOW = (25, 25, 28), (250, 250, 250), (205, 30, 40), (245, 205, 40)
SKIN, SILVER, PAPER = (232, 190, 160), (190, 194, 200), (244, 240, 228)


def from_hsv(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = (round(255 * channel) for channel in colorsys.hsv_to_rgb(hue % 1, saturation, value))
    return red, green, blue


def vivid(rng: random.Random) -> Colour:
    return from_hsv(rng.random(), rng.uniform(0.65, 1), rng.uniform(0.6, 1))


def pastel(rng: random.Random) -> Colour:
    return from_hsv(rng.random(), rng.uniform(0.15, 0.4), rng.uniform(0.85, 1))


def muted(rng: random.Random) -> Colour:
    return from_hsv(rng.random(), rng.uniform(0.15, 0.5), rng.uniform(0.35, 0.75))


def grey(rng: random.Random, low: int = 60, high: int = 210) -> Colour:
    level = rng.randint(low, high)
    return (level, level, min(255, level + rng.randint(0, 8)))


def wood(rng: random.Random) -> Colour:
    return from_hsv(rng.uniform(0.05, 0.1), rng.uniform(0.35, 0.7), rng.uniform(0.35, 0.85))


def leaf(rng: random.Random) -> Colour:
    return from_hsv(rng.uniform(0.25, 0.4), rng.uniform(0.5, 0.9), rng.uniform(0.35, 0.7))


def water(rng: random.Random) -> Colour:
    return from_hsv(rng.uniform(0.5, 0.6), rng.uniform(0.5, 0.85), rng.uniform(0.75, 1))


def any_colour(rng: random.Random) -> Colour:
    """Return a colour for a product that is sold in every colour."""
    return rng.choice((vivid, vivid, pastel, muted, grey))(rng)


def darken(colour: Colour, factor: float) -> Colour:
    """Scale the brightness; factors above one lighten."""
    red, green, blue = (min(255, int(channel * factor)) for channel in colour)
    return red, green, blue

"""Product images: one of the drawings of a code in a random pose, with a background and lighting.

Everything is drawn; there is no photograph in the sample.
"""

import random
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from sample_catalogue.canvas import Canvas
from sample_catalogue.colours import BLACK, RED, WHITE, darken, from_hsv, grey, muted, pastel, vivid
from sample_catalogue.drawings import DRAWINGS, Drawing
from sample_catalogue.plan import Product

JPEG_QUALITY = (86, 94)


def save_image(product: Product, path: Path, *, seed: int, size: int) -> None:
    """Write the product's JPEG. Near-duplicates share the drawing and differ only in compression."""
    image = draw_image(random.Random(f"{seed} drawing {product.drawing}"), product.look, size)
    write_jpeg(image, path, quality=random.Random(f"{seed} jpeg {product.integer_id}").randint(*JPEG_QUALITY))


def write_jpeg(image: np.ndarray, path: Path, *, quality: int) -> None:
    """Write an (H, W, 3) RGB image."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    path.write_bytes(data.tobytes())


def use_one_thread() -> None:
    """Restrict OpenCV to one thread: images are small, and the work is distributed over processes."""
    cv2.setNumThreads(1)


def draw_image(rng: random.Random, look: int, size: int) -> np.ndarray:
    """Return a product image, (size, size, 3) RGB uint8."""
    canvas = Canvas(size)
    paint_background(canvas, rng)
    drawing = _choose_drawing(rng, look)
    if rng.random() < 0.08:
        set_random_pose(canvas, rng, scale=rng.uniform(0.2, 0.35), reach=0.75)
        _choose_drawing(rng, rng.choice(list(DRAWINGS)))(canvas, rng)  # another object in the image
    scale = rng.uniform(1.0, 1.3) if rng.random() < 0.04 else rng.uniform(0.62, 0.95)
    set_random_pose(canvas, rng, scale=scale, reach=0.1)
    if rng.random() < 0.4:
        canvas.oval(0.05, 0.88, 0.8, 0.1, darken(canvas.image[-1, 0].tolist(), 0.85), edge=0)  # its shadow
    drawing(canvas, rng)
    if rng.random() < 0.06:  # the same product once more, as an inset
        set_random_pose(canvas, rng, scale=0.25, reach=0.7)
        drawing(canvas, rng)
    _add_overlays(canvas, rng)
    return finish(canvas.image, rng)


def _choose_drawing(rng: random.Random, look: int) -> Drawing:
    """Return a random drawing of a code; the first of its list is the most frequent one."""
    drawings = DRAWINGS[look]
    return rng.choices(drawings, [(rank + 1) ** -1.8 for rank in range(len(drawings))])[0]


def set_random_pose(canvas: Canvas, rng: random.Random, *, scale: float, reach: float) -> None:
    canvas.set_pose(
        angle=rng.gauss(0, 6) if rng.random() < 0.95 else rng.uniform(-90, 90),
        scale=scale,
        shift=(rng.uniform(-reach, reach), rng.uniform(-reach, reach)),
        tilt=rng.uniform(-0.1, 0.1),
        flip=rng.random() < 0.5,
    )


def paint_background(canvas: Canvas, rng: random.Random) -> None:
    """Paint a background: mostly white as in a shop, sometimes tinted, dark, or a room with a floor."""
    kind = rng.random()
    if kind < 0.82:
        return
    wall = pastel(rng) if kind < 0.89 else muted(rng) if kind < 0.94 else grey(rng, 20, 235)
    canvas.rectangle(-1, -1, 1, 1, wall, edge=0)
    if kind > 0.91:
        horizon = rng.uniform(0, 0.7)
        canvas.rectangle(-1, horizon, 1, 1, darken(wall, rng.uniform(0.6, 0.9)), edge=0)
        for i in range(rng.randint(0, 6)):
            canvas.line([(-1, horizon + 0.1 * i), (1, horizon + 0.12 * i)], darken(wall, 0.55), 0.01)


def _add_overlays(canvas: Canvas, rng: random.Random) -> None:
    """Add overlays that shops put on their images: a badge, a line of text, a watermark."""
    canvas.pose = np.eye(3)
    if rng.random() < 0.07:
        x, y = rng.choice((-0.75, 0.75)), rng.choice((-0.75, 0.75))
        canvas.disc(x, y, 0.2, rng.choice((RED, vivid(rng))))
        canvas.lettering(rng, (x - 0.13, y - 0.08, x + 0.13, y + 0.08), WHITE, 2)
    if rng.random() < 0.06:
        y = rng.choice((-0.95, 0.82))
        canvas.lettering(rng, (-0.9, y, rng.uniform(-0.2, 0.9), y + 0.12), rng.choice((BLACK, vivid(rng))), 1)
    if rng.random() < 0.05:
        marked = canvas.image.copy()
        origin, scale = (canvas.size // 10, round(canvas.size * rng.uniform(0.3, 0.8))), canvas.size / 250
        cv2.putText(marked, "la boutique", origin, cv2.FONT_HERSHEY_SIMPLEX, scale, grey(rng), 2, cv2.LINE_AA)
        canvas.image = cv2.addWeighted(marked, 0.4, canvas.image, 0.6, 0)


def finish(image: np.ndarray, rng: random.Random) -> np.ndarray:
    """Apply lighting and grain, and add borders to some images."""
    size = len(image)
    image = cv2.multiply(image, _light(size, rng.randrange(4)), scale=1 / 255)
    if rng.random() < 0.25:
        tint = from_hsv(rng.choice((0.1, 0.6)), rng.uniform(0.02, 0.12), rng.uniform(0.75, 1))
        image = cv2.multiply(image, tuple(channel / 255 for channel in (*tint, 0)))
    if rng.random() < 0.5:
        image = cv2.subtract(image, _grain(size, rng.randrange(4)))
    if rng.random() < 0.1:
        image = cv2.GaussianBlur(image, (0, 0), size * rng.uniform(0.002, 0.006))
    if rng.random() < 0.16:
        image = _add_borders(image, rng)
    return image


def _add_borders(image: np.ndarray, rng: random.Random) -> np.ndarray:
    """Shrink the image in one direction and fill the sides with black or white."""
    size = len(image)
    margin = round(size * rng.uniform(0.05, 0.2))
    small = cv2.resize(image, (size - 2 * margin, size), interpolation=cv2.INTER_AREA)
    fill = rng.choice((BLACK, WHITE))
    bordered = cv2.copyMakeBorder(small, 0, 0, margin, margin, cv2.BORDER_CONSTANT, value=fill)
    if rng.random() < 0.5:  # above and below
        narrow = cv2.resize(image, (size, size - 2 * margin), interpolation=cv2.INTER_AREA)
        bordered = cv2.copyMakeBorder(narrow, margin, margin, 0, 0, cv2.BORDER_CONSTANT, value=fill)
    return bordered


@cache
def _light(size: int, corner: int) -> np.ndarray:
    """Return a soft gradient of light from one of four corners, (size, size, 3) uint8."""
    ramp = np.linspace(255, 235, size)
    light = np.minimum(ramp[:, None], ramp[None, :] + 15).astype(np.uint8)
    return np.ascontiguousarray(np.rot90(np.repeat(light[..., None], 3, axis=2), corner))


@cache
def _grain(size: int, turn: int) -> np.ndarray:
    """Return camera noise, (size, size, 3) uint8: the same for all images up to `turn` rotations by 90 degrees."""
    grain = np.random.default_rng(0).integers(0, 14, (size, size, 3), dtype=np.uint8)
    return np.ascontiguousarray(np.rot90(grain, turn))

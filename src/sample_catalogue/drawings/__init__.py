"""Several simple drawings for each product type code, in coordinates from -1 to 1."""

from collections.abc import Callable
from random import Random

from sample_catalogue.canvas import Canvas
from sample_catalogue.drawings import covers, gaming, nursery, outdoors, paper, rooms, toys

Drawing = Callable[[Canvas, Random], None]

DRAWINGS: dict[int, tuple[Drawing, ...]] = {
    code: drawings
    for module in (covers, gaming, nursery, outdoors, paper, rooms, toys)
    for code, drawings in module.DRAWINGS.items()
}

"""Destruction: shuffle the tiles of a picture among neighbours, and remember where each came from.

Chen et al., "Destruction and Construction Learning for Fine-grained Image Recognition", CVPR 2019. The released code
shuffles tiles of a PIL image and guesses afterwards, from mean colours, which tile went where; on product shots most of
those guesses are wrong, so here the permutation itself is kept.
"""

import numpy as np

TAIL = 2  # how many of the last tiles (or rows of tiles) are shuffled after each append


def neighbour_permutation(grid: int, rng: np.random.Generator) -> np.ndarray:
    """Return the (grid * grid,) original index of the tile that stands at each place.

    Walks each row left to right and shuffles the last two tiles after each append; then the same over whole rows.
    """
    tiles = np.arange(grid * grid).reshape(grid, grid)
    rows = [_walk(list(row), rng) for row in tiles]
    return np.array([tile for row in _walk(rows, rng) for tile in row])


def _walk(items: list, rng: np.random.Generator) -> list:
    walked = []
    for item in items:
        walked.append(item)
        if len(walked) >= TAIL and rng.integers(TAIL):  # of two, one order or the other
            walked[-2], walked[-1] = walked[-1], walked[-2]
    return walked


def rearrange(image: np.ndarray, permutation: np.ndarray) -> np.ndarray:
    """Return the picture whose place j shows the tile `permutation[j]` of the given one; (S, S, 3) uint8."""
    grid = int(len(permutation) ** 0.5)
    tile = image.shape[0] // grid
    tiles = image.reshape(grid, tile, grid, tile, 3).swapaxes(1, 2).reshape(grid * grid, tile, tile, 3)
    shuffled = tiles[permutation].reshape(grid, grid, tile, tile, 3)
    return np.ascontiguousarray(shuffled.swapaxes(1, 2)).reshape(image.shape)

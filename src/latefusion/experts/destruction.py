"""Destruction: shuffle the tiles of a picture among neighbours, and remember where each came from.

Chen et al., "Destruction and Construction Learning for Fine-grained Image Recognition", CVPR 2019. The released code
shuffles tiles of a PIL image and guesses afterwards, from mean colours, which tile went where. On product shots most of
those guesses are wrong, so here the permutation itself is kept; the guess is there for fidelity.
"""

import numpy as np


def neighbour_permutation(grid: int, neighbourhood: int, rng: np.random.Generator) -> np.ndarray:
    """Return the (grid * grid,) original index of the tile that stands at each place.

    Walks each row left to right and shuffles the last `neighbourhood` tiles after each append (published: 2); then the
    same over whole rows. A neighbourhood of 1 leaves all where it is.
    """
    draws = rng.random((grid + 1, grid, neighbourhood)).argsort(axis=-1).tolist()
    tiles = np.arange(grid * grid).reshape(grid, grid).tolist()
    rows = [_walk(row, orders) for row, orders in zip(tiles, draws[1:], strict=True)]
    return np.array([tile for row in _walk(rows, draws[0]) for tile in row])


def _walk(items: list, orders: list[list[int]]) -> list:
    """Append the items one by one; after each, put the last ones into the order drawn for it."""
    walked: list = []
    for item, order in zip(items, orders, strict=True):
        walked.append(item)
        tail = walked[-len(order) :]
        walked[-len(order) :] = [tail[place] for place in order if place < len(tail)]
    return walked


def rearrange(image: np.ndarray, permutation: np.ndarray) -> np.ndarray:
    """Return the picture whose place j shows the tile `permutation[j]` of the given one; (S, S, 3) uint8."""
    grid = int(len(permutation) ** 0.5)
    tile = image.shape[0] // grid
    tiles = image.reshape(grid, tile, grid, tile, 3).swapaxes(1, 2).reshape(grid * grid, tile, tile, 3)
    shuffled = tiles[permutation].reshape(grid, grid, tile, tile, 3)
    return np.ascontiguousarray(shuffled.swapaxes(1, 2)).reshape(image.shape)


def nearest_mean(image: np.ndarray, destroyed: np.ndarray, grid: int) -> np.ndarray:
    """Return the released code's guess of the permutation: for each place, the tile of the most similar mean colour."""
    whole, shuffled = _tile_means(image, grid), _tile_means(destroyed, grid)
    return np.abs(shuffled[:, None] - whole[None, :]).argmin(axis=1)


def _tile_means(image: np.ndarray, grid: int) -> np.ndarray:
    """Return (grid * grid,): the sum of each tile's mean red, green and blue, as in the released code."""
    tile = image.shape[0] // grid
    return image.reshape(grid, tile, grid, tile, 3).sum(axis=4).mean(axis=(1, 3)).ravel()

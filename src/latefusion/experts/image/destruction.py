"""Destruction: shuffle the tiles of an image among neighbouring positions, and keep the permutation.

Chen et al., "Destruction and Construction Learning for Fine-grained Image Recognition", CVPR 2019. The released code
shuffles the tiles of a PIL image and then guesses each tile's original position from its mean colour. On product photos
most of these guesses are wrong. Here the permutation is kept and used as the target; `nearest_mean` is the guess.

Positions of a grid are counted row by row, from the top left.
"""

import cv2
import numpy as np


def neighbour_permutation(grid: int, neighbourhood: int, rng: np.random.Generator) -> np.ndarray:
    """Return (grid * grid,): the original position of the tile at each position.

    Each row is rebuilt from left to right; after each added tile the last `neighbourhood` tiles (published: 2) are
    shuffled. Then the rows themselves are shuffled in the same way. With a neighbourhood of 1 nothing moves.
    """
    draws = rng.random((grid + 1, grid, neighbourhood)).argsort(axis=-1).tolist()
    tiles = np.arange(grid * grid).reshape(grid, grid).tolist()
    rows = [_shuffle_neighbours(row, orders) for row, orders in zip(tiles, draws[1:], strict=True)]
    return np.array([tile for row in _shuffle_neighbours(rows, draws[0]) for tile in row])


def _shuffle_neighbours(items: list, orders: list[list[int]]) -> list:
    """Append the items one by one; after each, reorder the last `len(order)` ones by the order of this step."""
    shuffled: list = []
    for item, order in zip(items, orders, strict=True):
        shuffled.append(item)
        tail = shuffled[-len(order) :]
        shuffled[-len(order) :] = [tail[index] for index in order if index < len(tail)]
    return shuffled


def rearrange(image: np.ndarray, permutation: np.ndarray) -> np.ndarray:
    """Return the (S, S, 3) uint8 image with tile `permutation[j]` of the given image at position j."""
    return _join(_cut(image, int(len(permutation) ** 0.5))[permutation])


def reconstruct(destroyed: np.ndarray, locations: np.ndarray, blank: int = 128) -> np.ndarray:
    """Return the image with tile j of `destroyed` at position `locations[j]`: the inverse of `rearrange`.

    `locations` (grid * grid,) may be a guess. If several tiles have the same position, the last one is used; a position
    without a tile is filled with the value `blank` (grey).
    """
    tiles = _cut(destroyed, int(len(locations) ** 0.5))
    intact = np.full_like(tiles, blank)
    intact[locations] = tiles
    return _join(intact)


def _cut(image: np.ndarray, grid: int) -> np.ndarray:
    """Return the (grid * grid, tile, tile, 3) tiles of an (S, S, 3) image, row by row."""
    tile = image.shape[0] // grid
    return image.reshape(grid, tile, grid, tile, 3).swapaxes(1, 2).reshape(grid * grid, tile, tile, 3)


def _join(tiles: np.ndarray) -> np.ndarray:
    """Return the (S, S, 3) image of (grid * grid, tile, tile, 3) tiles: the inverse of `_cut`."""
    grid, tile = int(len(tiles) ** 0.5), tiles.shape[1]
    rows = tiles.reshape(grid, grid, tile, tile, 3).swapaxes(1, 2)
    return np.ascontiguousarray(rows).reshape(grid * tile, grid * tile, 3)


def nearest_mean(image: np.ndarray, destroyed: np.ndarray, grid: int) -> np.ndarray:
    """Return the guess of the released code: for each destroyed tile, the intact tile of the nearest mean colour."""
    intact, shuffled = _tile_means(image, grid), _tile_means(destroyed, grid)
    return np.abs(shuffled[:, None] - intact[None, :]).argmin(axis=1)


def _tile_means(image: np.ndarray, grid: int) -> np.ndarray:
    """Return (grid * grid,): each tile's mean red, green and blue, summed, as in the released code."""
    tile = image.shape[0] // grid
    return image.reshape(grid, tile, grid, tile, 3).sum(axis=4).mean(axis=(1, 3)).ravel()


def displacements(grid: int, neighbourhood: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return (2, grid): the share of tiles that move by 0, 1, ... positions along their row, and along their column."""
    permutations = np.stack([neighbour_permutation(grid, neighbourhood, rng) for _ in range(draws)])
    positions = np.arange(grid * grid)
    moved = (permutations % grid - positions % grid, permutations // grid - positions // grid)
    return np.stack([np.bincount(np.abs(axis).ravel(), minlength=grid) / axis.size for axis in moved])


def rearrange_as_released(image: np.ndarray, permutation: np.ndarray, border: int = 10) -> np.ndarray:
    """Return a destroyed image as the released code makes it: crop `border` pixels from each side, then resample.

    The crop is resized so that each tile has a whole number of pixels, rearranged, and resized to the original size. No
    tile keeps its exact pixels, so the mean colours before and after are only similar, not equal.
    """
    grid, side = int(len(permutation) ** 0.5), image.shape[0]
    inner = image[border : side - border, border : side - border]
    tiled = cv2.resize(inner, (inner.shape[0] // grid * grid,) * 2, interpolation=cv2.INTER_AREA)
    return cv2.resize(rearrange(tiled, permutation), (side, side), interpolation=cv2.INTER_LINEAR)


def wrong_guesses(image: np.ndarray, permutation: np.ndarray) -> tuple[float, float]:
    """Return the share of tiles with a wrongly guessed position: on the exact pixels, and as in the released code."""
    grid = int(len(permutation) ** 0.5)
    destroyed = rearrange(image, permutation), rearrange_as_released(image, permutation)
    ours, released = [float((nearest_mean(image, one, grid) != permutation).mean()) for one in destroyed]
    return ours, released

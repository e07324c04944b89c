"""Destruction: shuffle the tiles of an image among neighbours, and remember where each came from.

Chen et al., "Destruction and Construction Learning for Fine-grained Image Recognition", CVPR 2019. The released code
shuffles tiles of a PIL image and guesses afterwards, from mean colours, which tile went where. On product shots most of
those guesses are wrong, so here the permutation itself is kept; the guess is there for fidelity.
"""

import cv2
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
    """Return the image whose place j shows the tile `permutation[j]` of the given one; (S, S, 3) uint8."""
    return _lay(_cut(image, int(len(permutation) ** 0.5))[permutation])


def put_together(destroyed: np.ndarray, locations: np.ndarray, blank: int = 128) -> np.ndarray:
    """Return the image with each tile where it is said to come from: the inverse of `rearrange`.

    `locations` (grid * grid,) may be a guess: of tiles that claim one place the last is seen, and a place that none
    claims is grey.
    """
    tiles = _cut(destroyed, int(len(locations) ** 0.5))
    whole = np.full_like(tiles, blank)
    whole[locations] = tiles
    return _lay(whole)


def _cut(image: np.ndarray, grid: int) -> np.ndarray:
    """Return (grid * grid, tile, tile, 3) of an (S, S, 3) image, row by row."""
    tile = image.shape[0] // grid
    return image.reshape(grid, tile, grid, tile, 3).swapaxes(1, 2).reshape(grid * grid, tile, tile, 3)


def _lay(tiles: np.ndarray) -> np.ndarray:
    """Return the (S, S, 3) image that is made of (grid * grid, tile, tile, 3)."""
    grid, tile = int(len(tiles) ** 0.5), tiles.shape[1]
    rows = tiles.reshape(grid, grid, tile, tile, 3).swapaxes(1, 2)
    return np.ascontiguousarray(rows).reshape(grid * tile, grid * tile, 3)


def nearest_mean(image: np.ndarray, destroyed: np.ndarray, grid: int) -> np.ndarray:
    """Return the released code's guess of the permutation: for each place, the tile of the most similar mean colour."""
    whole, shuffled = _tile_means(image, grid), _tile_means(destroyed, grid)
    return np.abs(shuffled[:, None] - whole[None, :]).argmin(axis=1)


def _tile_means(image: np.ndarray, grid: int) -> np.ndarray:
    """Return (grid * grid,): the sum of each tile's mean red, green and blue, as in the released code."""
    tile = image.shape[0] // grid
    return image.reshape(grid, tile, grid, tile, 3).sum(axis=4).mean(axis=(1, 3)).ravel()


def displacements(grid: int, neighbourhood: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return (2, grid): the share of tiles that move by 0, 1, ... places along their row, and along their column."""
    permutations = np.stack([neighbour_permutation(grid, neighbourhood, rng) for _ in range(draws)])
    places = np.arange(grid * grid)
    moved = (permutations % grid - places % grid, permutations // grid - places // grid)
    return np.stack([np.bincount(np.abs(axis).ravel(), minlength=grid) / axis.size for axis in moved])


def rearrange_as_released(image: np.ndarray, permutation: np.ndarray, border: int = 10) -> np.ndarray:
    """Return what the released code makes of an image: `border` pixels cut off each side, the rest resampled.

    What is left is resized to whole pixels a tile, rearranged, and stretched to the old size. So no tile is quite what
    it was, and a guess by mean colours has only likeness to go by.
    """
    grid, side = int(len(permutation) ** 0.5), image.shape[0]
    inner = image[border : side - border, border : side - border]
    tiled = cv2.resize(inner, (inner.shape[0] // grid * grid,) * 2, interpolation=cv2.INTER_AREA)
    return cv2.resize(rearrange(tiled, permutation), (side, side), interpolation=cv2.INTER_LINEAR)


def wrong_guesses(image: np.ndarray, permutation: np.ndarray) -> tuple[float, float]:
    """Return the share of an image's tiles whose place is guessed wrongly: on its very pixels, and as released."""
    grid = int(len(permutation) ** 0.5)
    destroyed = rearrange(image, permutation), rearrange_as_released(image, permutation)
    ours, released = [float((nearest_mean(image, one, grid) != permutation).mean()) for one in destroyed]
    return ours, released

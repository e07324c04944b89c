"""Find near-duplicates: products with the same title, or with nearly the same image.

Shops list a product several times, in other sizes or colours, with the same text or the same photograph. If one of them
is in train and another in valid or test, a classifier is scored on a product that it was trained on.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from latefusion.dataset.cleaning import clean

ACCENTS = re.compile("[\u0300-\u036f]")  # of European scripts only: in other scripts such marks make different letters
NO_TITLES = {"na", "n/a", "nan", "none", "null"}  # written by programs for a missing title
BLOCK = 4_000_000  # comparisons at one time, 8 bytes each


@dataclass(frozen=True)
class Duplicates:
    """Numbers of the titles and images of N products; -1: no title or image, which is never a duplicate."""

    titles: np.ndarray  # (N,) equal numbers: equal titles
    images: np.ndarray  # (N,) equal numbers: equal image hashes
    near: np.ndarray  # (P, 2) pairs of numbers of `images` whose hashes are nearly equal

    @cached_property
    def image_groups(self) -> np.ndarray:
        """(N,) group numbers of products with nearly equal images, directly or through other images; -1: no image."""
        count = self.images.max(initial=-1) + 1
        return np.append(_components(count, *self.near.T), -1)[self.images]  # index -1 is the last element, -1

    @cached_property
    def groups(self) -> np.ndarray:
        """(N,) group numbers of products with the same title or nearly equal images, directly or through others.

        Groups are numbered in the order of their first rows.
        """
        return join(self.titles, self.image_groups)

    def twins_in(self, among: np.ndarray) -> pd.DataFrame:
        """Return bools per product: whether a product of `among` has the same `title`, a near `image`, or `either`.

        `among` is (N,) bool. Only direct matches count, not those through others. A product in `among` matches itself.
        """
        (first, second), images = self.near.T, self.images[among]
        near_images = np.concatenate([images, second[_occurs(first, images)], first[_occurs(second, images)]])
        title, image = _occurs(self.titles, self.titles[among]), _occurs(self.images, near_images)
        return pd.DataFrame({"title": title, "image": image, "either": title | image})


def find_duplicates(titles: pd.Series, hashes: pd.Series, distance: int) -> Duplicates:
    """Compare products by title and by image hash (UInt64); near hashes differ in at most `distance` bits."""
    keys = titles.map(title_key)
    title_numbers, _ = pd.factorize(keys.mask(keys == ""))
    image_numbers, distinct = pd.factorize(hashes)
    return Duplicates(title_numbers, image_numbers, near_pairs(distinct.to_numpy(np.uint64), distance))


def title_key(title: str) -> str:
    """Return a key that is equal for titles that read the same; empty for a title without content.

    The title is cleaned as for the experts, then case, accents (often missing in capitals and in hasty typing) and
    surplus white space are removed. Punctuation is kept.
    """
    letters = unicodedata.normalize("NFKD", clean(title).casefold())
    key = " ".join(ACCENTS.sub("", letters).split())
    return key if re.search(r"\w", key) and key not in NO_TITLES else ""


def join(*keys: np.ndarray) -> np.ndarray:
    """Return (N,) group numbers of rows that share a value of any key, directly or through others.

    Each key is (N,) whole numbers, -1 for none. Groups are numbered in the order of their first rows.
    """
    ends, nodes = [], len(keys[0])  # graph nodes: first the rows, then the values of each key
    for key in keys:
        rows = np.flatnonzero(key >= 0)
        ends.append((rows, nodes + key[rows]))
        nodes += key.max(initial=-1) + 1
    return pd.factorize(_components(nodes, *np.concatenate(ends, axis=1))[: len(keys[0])])[0]


def near_pairs(hashes: np.ndarray, distance: int) -> np.ndarray:
    """Return (P, 2) positions in the (N,) uint64 hashes of all pairs that differ in at most `distance` bits.

    Multi-index hashing (Norouzi et al., "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012): the bits
    are divided into distance + 1 bands. A near pair is equal in at least one of them, so only hashes that share a band
    are compared.
    """
    edges = np.linspace(0, 64, distance + 2).astype(int).tolist()
    bands = np.array([(1 << stop) - (1 << start) for start, stop in pairwise(edges)], dtype=np.uint64)
    found = [np.empty((0, 2), dtype=np.int64)]
    for number, band in enumerate(bands):
        for members in _runs(hashes & band):
            for pairs in _compare_all(hashes, members, distance):
                differing = hashes[pairs[:, :1]] ^ hashes[pairs[:, 1:]]
                is_new = ((differing & bands[:number]) != 0).all(axis=1)  # not found already by an earlier band
                found.append(pairs[is_new])
    return np.concatenate(found)


def _runs(keys: np.ndarray) -> Iterator[np.ndarray]:
    """Return, for each key that occurs more than once, its positions."""
    order = np.argsort(keys, kind="stable")
    runs = np.split(order, np.flatnonzero(np.diff(keys[order])) + 1)
    return (run for run in runs if len(run) > 1)


def _compare_all(hashes: np.ndarray, members: np.ndarray, distance: int) -> Iterator[np.ndarray]:
    """Yield near pairs of members, (P, 2), each pair once; in blocks, as many images may share a white background."""
    step = max(1, BLOCK // len(members))
    for start in range(0, len(members), step):
        rows, columns = members[start : start + step], members[start:]
        near = np.bitwise_count(hashes[rows][:, None] ^ hashes[columns]) <= distance
        row, column = np.nonzero(near)
        once = column > row
        yield np.stack([rows[row[once]], columns[column[once]]], axis=1)


def _components(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return (count,) component numbers of the nodes of a graph with edges from `first` to `second`."""
    if not count:
        return np.empty(0, dtype=np.int64)
    graph = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def _occurs(numbers: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return which numbers are in `wanted`, as bools; -1 never is."""
    return np.isin(numbers, wanted) & (numbers >= 0)

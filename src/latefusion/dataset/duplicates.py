"""Near-duplicates: products with the same title, or with nearly the same image.

Shops list a product again in another size or colour, with the same text or the same photograph. Where such twins fall
on both sides of a split, a classifier is scored on what it has seen.
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

ACCENTS = re.compile("[\u0300-\u036f]")  # those of European scripts; elsewhere such marks make other letters
NO_TITLES = {"na", "n/a", "nan", "none", "null"}  # what programs write where there is nothing
BLOCK = 4_000_000  # comparisons at once, 8 bytes each


@dataclass(frozen=True)
class Duplicates:
    """What N products have in common. Equal numbers mean equal; -1 is nothing, and equal to nobody's."""

    titles: np.ndarray  # (N,)
    images: np.ndarray  # (N,)
    near: np.ndarray  # (P, 2) numbers of `images` that are not equal, but nearly

    @cached_property
    def looks(self) -> np.ndarray:
        """(N,) as `images`, with one number for all that are nearly equal, directly or through others."""
        count = self.images.max(initial=-1) + 1
        return np.append(_components(count, *self.near.T), -1)[self.images]  # -1 picks the last

    @cached_property
    def groups(self) -> np.ndarray:
        """(N,) group numbers, counted by first row: products of one title or look, directly or through others."""
        return join(self.titles, self.looks)

    def twins_in(self, among: np.ndarray) -> pd.DataFrame:
        """Tell of each product whether one of `among`, (N,) bool, has its `title`, nearly its `image`, or `either`.

        Directly, not through others. A product that is itself among them is its own twin.
        """
        (first, second), theirs = self.near.T, self.images[among]
        alike = np.concatenate([theirs, second[_occurs(first, theirs)], first[_occurs(second, theirs)]])
        title, image = _occurs(self.titles, self.titles[among]), _occurs(self.images, alike)
        return pd.DataFrame({"title": title, "image": image, "either": title | image})


def find_duplicates(titles: pd.Series, hashes: pd.Series, distance: int) -> Duplicates:
    """Compare products by their titles, and by their images' hashes (UInt64), which may differ in `distance` bits."""
    keys = titles.map(title_key)
    title_numbers, _ = pd.factorize(keys.mask(keys == ""))
    image_numbers, distinct = pd.factorize(hashes)
    return Duplicates(title_numbers, image_numbers, near_pairs(distinct.to_numpy(np.uint64), distance))


def title_key(title: str) -> str:
    """Return what two titles have in common that read the same; empty for one that says nothing.

    Cleaned as the experts read it, without case and accents (capitals lose them, and so do hasty typists) and surplus
    white space. Punctuation counts.
    """
    letters = unicodedata.normalize("NFKD", clean(title).casefold())
    key = " ".join(ACCENTS.sub("", letters).split())
    return key if re.search(r"\w", key) and key not in NO_TITLES else ""


def join(*keys: np.ndarray) -> np.ndarray:
    """Return (N,) group numbers, counted by first row: rows that share a key, directly or through others.

    Each of the keys is (N,) whole numbers, -1 for none.
    """
    ends, nodes = [], len(keys[0])  # rows first, then the values of each key
    for key in keys:
        rows = np.flatnonzero(key >= 0)
        ends.append((rows, nodes + key[rows]))
        nodes += key.max(initial=-1) + 1
    return pd.factorize(_components(nodes, *np.concatenate(ends, axis=1))[: len(keys[0])])[0]


def near_pairs(hashes: np.ndarray, distance: int) -> np.ndarray:
    """Return (P, 2) positions in the (N,) uint64 hashes of all pairs that differ in `distance` bits at most.

    Multi-index hashing (Norouzi et al., "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012): of
    distance + 1 bands of bits, a near pair agrees in one, so that only those who share a band are compared.
    """
    edges = np.linspace(0, 64, distance + 2).astype(int).tolist()
    bands = np.array([(1 << stop) - (1 << start) for start, stop in pairwise(edges)], dtype=np.uint64)
    found = [np.empty((0, 2), dtype=np.int64)]
    for number, band in enumerate(bands):
        for members in _runs(hashes & band):
            for pairs in _compare_all(hashes, members, distance):
                differing = hashes[pairs[:, :1]] ^ hashes[pairs[:, 1:]]
                is_new = ((differing & bands[:number]) != 0).all(axis=1)  # or an earlier band has found it
                found.append(pairs[is_new])
    return np.concatenate(found)


def _runs(keys: np.ndarray) -> Iterator[np.ndarray]:
    """Return, for each key that stands more than once, its positions."""
    order = np.argsort(keys, kind="stable")
    runs = np.split(order, np.flatnonzero(np.diff(keys[order])) + 1)
    return (run for run in runs if len(run) > 1)


def _compare_all(hashes: np.ndarray, members: np.ndarray, distance: int) -> Iterator[np.ndarray]:
    """Yield near pairs of members, (P, 2), each pair once; in blocks, for nearly all may share a white background."""
    step = max(1, BLOCK // len(members))
    for start in range(0, len(members), step):
        rows, columns = members[start : start + step], members[start:]
        near = np.bitwise_count(hashes[rows][:, None] ^ hashes[columns]) <= distance
        row, column = np.nonzero(near)
        once = column > row
        yield np.stack([rows[row[once]], columns[column[once]]], axis=1)


def _components(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return (count,) component numbers of the graph whose edges lead from `first` to `second`."""
    if not count:
        return np.empty(0, dtype=np.int64)
    graph = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def _occurs(numbers: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Tell which numbers are among the wanted; -1 never is."""
    return np.isin(numbers, wanted) & (numbers >= 0)

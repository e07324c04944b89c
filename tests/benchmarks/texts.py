"""Texts as long as the challenge's, in a made-up language: what the benchmarks read.

Titles: median 11 words. Descriptions: 35 % missing; of the others the median is 73 words, the mean about 120, the
longest 2,068, so that over all products, the missing counted as empty, the median is the published 35.
"""

import numpy as np
import pandas as pd

ONSETS = ["b", "c", "ch", "d", "f", "g", "j", "l", "m", "n", "p", "qu", "r", "s", "t", "tr", "v", "br", "gr", "pl"]
VOWELS = ["a", "e", "i", "o", "u", "é", "è", "ou", "on", "an", "ai", "eau"]
LEXICON = 40_000  # words
MISSING = 0.351
LONGEST = 2068  # words


def draw_products(size: int, num_classes: int, seed: int) -> pd.DataFrame:
    """Return `size` products (index: id; title, description, label); each class has favourite words."""
    rng = np.random.default_rng(seed)
    words = _lexicon(rng)
    frequency = 1 / np.arange(1, LEXICON + 1)  # Zipf's law
    general = np.cumsum(frequency / frequency.sum())
    favourites = rng.integers(50, LEXICON, size=(num_classes, 200))
    labels = rng.integers(num_classes, size=size)
    titles = np.clip(np.round(rng.lognormal(np.log(11), 0.45, size)), 2, 40).astype(int)
    descriptions = np.clip(np.round(rng.lognormal(np.log(73), 1.0, size)), 3, LONGEST).astype(int)
    descriptions[rng.random(size) < MISSING] = 0

    def write(label: int, length: int) -> str:
        indices = np.searchsorted(general, rng.random(length)).clip(max=LEXICON - 1)
        own = rng.random(length) < 0.1
        indices[own] = rng.choice(favourites[label], own.sum())
        return " ".join(words[indices])

    return pd.DataFrame(
        {
            "title": [write(label, length) for label, length in zip(labels, titles, strict=True)],
            "description": [
                write(label, length) if length else None for label, length in zip(labels, descriptions, strict=True)
            ],
            "label": [f"{label:04d}" for label in labels],
        },
        index=pd.Index([str(number) for number in range(size)], name="id"),
    )


def _lexicon(rng: np.random.Generator) -> np.ndarray:
    """Return words of one to four syllables, the frequent ones short."""
    syllables = np.array([onset + vowel for onset in ONSETS for vowel in VOWELS])
    words: dict[str, None] = {}
    while len(words) < LEXICON:
        longest = 2 + (len(words) > 300) + (len(words) > 5000)
        words["".join(rng.choice(syllables, rng.integers(1, longest + 1)))] = None
    return np.array(list(words), dtype=object)

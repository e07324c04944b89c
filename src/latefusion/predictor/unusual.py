"""Flag products that are unlike all labelled ones: by the share of their words that is known, by the image's texture.

Text: the distinct words of title and description are compared with those of the labelled products. A text is unusual
if the share of them that is known, with PRIOR_WORDS words of the usual share added, is less than that of all but 1 % of
the labelled texts. Those added words say that few words are weak evidence, and one unknown word alone is none. For
labelled products a word is known if another group of near-duplicates has it; each counts twice, with its title alone
too, because new products often come without a description. Digits are no words. In scripts without spaces each two
characters that follow each other are a word.

Image: 29 numbers describe its texture at 112 pixels (`texture`), without colours. An image is unusual if its
Mahalanobis distance from the labelled ones is greater than that of all but 1 % of these, out of fold. That finds
drawings, screenshots, charts, and images of one colour among photographs, but no photograph of something else.

`tests/benchmarks/unusual.py` measures both. `unusual.safetensors` of an exported model holds the rules: the words as
hashes, four bytes each.
"""

import re
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import pandas as pd
from safetensors.numpy import load_file

from latefusion.config.experts.base import Modality
from latefusion.dataset.cleaning import clean
from latefusion.images.store import ImageStore
from latefusion.predictor.manifest import reading
from latefusion.utils.arrays import save_arrays

NAME = "unusual.safetensors"
FALSE_ALARMS = 0.01  # of the labelled products
PRIOR_WORDS = 5
FEWEST_UNKNOWN = 2
MOST_WORDS = 1_000_000  # the words of most groups are kept: 4 MB
MOST_TEXTS, MOST_IMAGES = 200_000, 5_000  # labelled products that the rules are learnt from
FEWEST_IMAGES = 100  # labelled images, without which there is no rule for images
SIDE, FOLDS, SHRINKAGE = 112, 5, 0.1
SIZE = 29  # numbers of a texture
AROUND = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))  # the neighbours of a pixel, in their order
THREADS = 4  # that decode images
DENSE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff"  # scripts without spaces
MARKS = "\u0300-\u036f\u0900-\u0dff"  # that belong to the letter before them
WORD = re.compile(rf"(?:[^\W\d_{DENSE}]|[{MARKS}]){{2,}}")
ASCII_WORD = re.compile("[a-z]{2,}")  # the same for ASCII, faster
DENSE_RUN = re.compile(f"[{DENSE}]+")


def _patterns() -> np.ndarray:
    """Return the kinds of the (256,) codes of brighter neighbours: their number if they are in a row, else 9."""
    bits = np.arange(256)[:, None] >> np.arange(8) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    return np.where(changes <= 2, bits.sum(axis=1), 9)


PATTERNS = _patterns()


@dataclass(frozen=True)
class TextRule:
    """What the words of a text are compared with."""

    words: np.ndarray  # (V,) uint32: the sorted hashes of the known words
    share: np.ndarray  # (): of the words of a labelled product that is known, mean
    least: np.ndarray  # (): of the share with prior; below it a text is unusual
    empty_is_usual: np.ndarray  # (): whether many labelled products have no text
    wordless_is_usual: np.ndarray  # (): whether many labelled texts have no word

    def count(self, products: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return (N,) numbers of the known distinct words of products, and of all."""
        hashes, rows = hash_words(texts_of(products))
        places = np.searchsorted(self.words, hashes).clip(max=max(len(self.words) - 1, 0))
        known = self.words[places] == hashes if len(self.words) else np.zeros(len(hashes), dtype=bool)
        return np.bincount(rows[known], minlength=len(products)), np.bincount(rows, minlength=len(products))

    def reasons(self, products: pd.DataFrame) -> np.ndarray:
        """Return (N,) reasons why texts are unusual, "" for those that are not."""
        known, n = self.count(products)
        reasons = np.full(len(products), "", dtype=object)
        few = (with_prior(known, n, float(self.share)) < self.least) & (n - known >= FEWEST_UNKNOWN)
        for row in np.flatnonzero(few):
            reasons[row] = f"text: {known[row]} of {n[row]} words are known"
        empty = is_empty(products)
        if not self.wordless_is_usual:
            reasons[(n == 0) & ~empty] = "text: no words"
        if not self.empty_is_usual:
            reasons[empty] = "no text"
        return reasons


@dataclass(frozen=True)
class ImageRule:
    """The distribution of the textures of the labelled images."""

    mean: np.ndarray  # (D,)
    precision: np.ndarray  # (D, D): the inverse of their covariance
    most: np.ndarray  # (): the squared distance, above which an image is unusual

    def reasons(self, products: pd.DataFrame, images: ImageStore) -> np.ndarray:
        """Return (N,) reasons why images are unusual, "" for those that are not and for products without an image."""
        reasons = np.full(len(products), "", dtype=object)
        rows = np.flatnonzero(products["image"].notna())
        far = distances(textures(images, products.index[rows]), self.mean, self.precision) > self.most
        reasons[rows[far]] = "image: unlike those of the catalogue"
        return reasons


@dataclass(frozen=True)
class Unusual:
    """The rules for texts and for images; None where there is none."""

    text: TextRule | None
    image: ImageRule | None

    def reasons(self, products: pd.DataFrame, images: ImageStore) -> np.ndarray:
        """Return (N,) why products are unlike all labelled ones, in words; "" for those that are not."""
        found = [self.text.reasons(products)] if self.text else []
        found += [self.image.reasons(products, images)] if self.image else []
        rows = zip(*found, strict=True) if found else [()] * len(products)
        return np.array(["; ".join(filter(None, row)) for row in rows], dtype=object)

    def save(self, folder: Path) -> None:
        """Write `unusual.safetensors`."""
        rules = {name: rule for name, rule in (("text", self.text), ("image", self.image)) if rule}
        arrays = {
            f"{name}.{field.name}": getattr(rule, field.name) for name, rule in rules.items() for field in fields(rule)
        }
        save_arrays(arrays, folder / NAME)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises InputError if it is missing or damaged."""
        own: dict[str, dict[str, np.ndarray]] = {"text": {}, "image": {}}
        with reading(folder / NAME):
            for key, value in load_file(folder / NAME).items():
                name, _, field = key.partition(".")
                own[name][field] = value
            text = TextRule(**own["text"]) if own["text"] else None
            image = ImageRule(**own["image"]) if own["image"] else None
            if text and (text.words.ndim != 1 or text.words.dtype != np.uint32):
                raise ValueError("words")
            if image and (image.mean.shape != (SIZE,) or image.precision.shape != (SIZE, SIZE)):
                raise ValueError("textures")
        return cls(text, image)


def fit_text(products: pd.DataFrame) -> tuple[TextRule, np.ndarray]:
    """Return the rule for texts, and the (N,) shares of the products' words that other products have; NaN: no words.

    Of many products, MOST_TEXTS at equal steps are read.
    """
    products = products.iloc[:: max(1, -(-len(products) // MOST_TEXTS))]
    hashes, rows = hash_words(texts_of(products))
    groups = products["group"].to_numpy()[rows]
    pairs = np.unique(hashes.astype(np.uint64) << np.uint64(32) | groups.astype(np.uint64))  # each once
    words, n_groups = np.unique(pairs >> np.uint64(32), return_counts=True)
    if len(words) > MOST_WORDS:
        kept = np.sort(np.argsort(-n_groups, kind="stable")[:MOST_WORDS])
        words, n_groups = words[kept], n_groups[kept]
    of_others = TextRule(words[n_groups > 1].astype(np.uint32), *[np.array(0.0)] * 4)
    known, n = of_others.count(products)
    share = known.sum() / max(n.sum(), 1)
    title_known, title_n = of_others.count(products.assign(description=None))
    shares = with_prior(np.r_[known, title_known], np.r_[n, title_n], share)
    empty = is_empty(products)
    rule = TextRule(
        words=words.astype(np.uint32),
        share=np.array(share),
        least=np.array(np.quantile(shares[np.r_[n, title_n] > 0], FALSE_ALARMS) if n.any() else 0.0),
        empty_is_usual=np.array(empty.mean() >= FALSE_ALARMS),
        wordless_is_usual=np.array((n[~empty] == 0).mean() >= FALSE_ALARMS if (~empty).any() else True),
    )
    return rule, np.divide(known, n, out=np.full(len(n), np.nan), where=n > 0)


def fit_image(products: pd.DataFrame, images: ImageStore) -> ImageRule | None:
    """Return the rule for images; None if too few products have one. Of many, MOST_IMAGES at equal steps are read."""
    with_image = products[products["image"].notna()]
    with_image = with_image.iloc[:: max(1, -(-len(with_image) // MOST_IMAGES))]
    if len(with_image) < FEWEST_IMAGES:
        return None
    folds = pd.factorize(with_image["group"])[0] % FOLDS  # near-duplicates are in one
    if len(folds) - np.bincount(folds).max() < FEWEST_IMAGES / 2:
        return None  # nearly all are the same image
    features = textures(images, with_image.index)
    own = np.zeros(len(features))
    for fold in range(FOLDS):
        own[folds == fold] = distances(features[folds == fold], *distribution(features[folds != fold]))
    return ImageRule(*distribution(features), most=np.array(np.quantile(own, 1 - FALSE_ALARMS)))


def texts_of(products: pd.DataFrame) -> list[str]:
    """Return the cleaned title and description of each product as one text."""
    descriptions = products["description"].fillna("")
    return [clean(f"{title} {text}") for title, text in zip(products["title"], descriptions, strict=True)]


def reads(modalities: Iterable[Modality]) -> set[str]:
    """Return what readers of these modalities read together: text, image."""
    own: set[str] = set(modalities)
    return {"text", "image"} if "joint" in own else own


def is_empty(products: pd.DataFrame) -> np.ndarray:
    """Return (N,): whether products have neither a title nor a description."""
    return ((products["title"] == "") & products["description"].isna()).to_numpy(bool)


def words_of(text: str) -> set[str]:
    """Return the distinct words of a cleaned text."""
    text = text.casefold()
    if text.isascii():
        return set(ASCII_WORD.findall(text))
    words = set(WORD.findall(text))
    for run in DENSE_RUN.findall(text):
        words.update(run[i : i + 2] for i in range(max(1, len(run) - 1)))
    return words


def hash_words(texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the (W,) uint32 hashes of the distinct words of all texts, and the (W,) numbers of their texts."""
    hashes = [np.array([zlib.crc32(word.encode()) for word in words_of(text)], dtype=np.uint32) for text in texts]
    rows = np.repeat(np.arange(len(hashes)), [len(own) for own in hashes])
    return np.concatenate([np.empty(0, dtype=np.uint32), *hashes]), rows


def with_prior(known: np.ndarray, n: np.ndarray, share: float) -> np.ndarray:
    """Return (N,) shares of known words, with PRIOR_WORDS words added of which `share` is known."""
    return (known + PRIOR_WORDS * share) / (n + PRIOR_WORDS)


def textures(images: ImageStore, ids: pd.Index) -> np.ndarray:
    """Return the (N, D) textures of the images of products."""
    with ThreadPoolExecutor(THREADS) as pool:  # OpenCV releases the GIL
        found = list(pool.map(lambda id_: texture(images.read(id_, SIDE)), ids))
    return np.stack(found) if found else np.empty((0, SIZE))


def texture(image: np.ndarray) -> np.ndarray:
    """Return 29 numbers that describe the texture of an (H, W, 3) uint8 image.

    The square roots of three histograms: of rotation-invariant uniform local binary patterns (Ojala et al.,
    "Multiresolution Gray-Scale and Rotation Invariant Texture Classification", PAMI 2002) of differences above 3 grey
    levels, of the directions of edges, and of their strength; all scaled to length 1.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    strength, direction = cv2.cartToPolar(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    sectors = (direction * (4 / np.pi)).astype(np.int64).ravel() % 8
    directions = np.bincount(sectors, strength.ravel(), minlength=8) / 128
    strengths = np.bincount(np.log2(1 + strength).astype(np.int64).ravel(), minlength=11)
    histograms = [_binary_patterns(grey), directions / grey.size, strengths / grey.size]
    roots = np.sqrt(np.concatenate(histograms))
    return roots / np.linalg.norm(roots)


def _binary_patterns(grey: np.ndarray) -> np.ndarray:
    """Return the (10,) shares of the patterns: 0 to 8 neighbours in a row that are brighter, and all others."""
    height, width = grey.shape[0] - 2, grey.shape[1] - 2
    centre = np.minimum(grey[1:-1, 1:-1], 252) + 3  # 255 is brighter than no neighbour
    codes = np.zeros((height, width), dtype=np.uint8)
    for bit, (y, x) in enumerate(AROUND):
        codes |= (grey[y : y + height, x : x + width] > centre).view(np.uint8) << bit
    return np.bincount(PATTERNS[codes.ravel()], minlength=10) / codes.size


def distribution(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (D,) and the inverse (D, D) of the covariance of (N, D) features, which is shrunk to a sphere."""
    covariance = np.cov(features.T)
    sphere = np.eye(len(covariance)) * np.trace(covariance) / len(covariance)
    return features.mean(axis=0), np.linalg.inv((1 - SHRINKAGE) * covariance + SHRINKAGE * sphere + 1e-9 * np.eye(SIZE))


def distances(features: np.ndarray, mean: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Return the (N,) squared Mahalanobis distances of (N, D) features, each computed alone."""
    centred = features - mean
    return np.einsum("nd,de,ne->n", centred, precision, centred)

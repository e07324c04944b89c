"""The plan of the sample: code, texts, image, ids and given label of every product, determined by the seed.

Neighbouring codes are confusable in two ways: codes of one text family share words, codes of one look group share
drawings. Families and look groups differ: many codes of one family are in different look groups, and vice versa. A
product is clear in text and image, vague in one of them, or, rarely, vague in both. So neither text nor image is enough
for all products.
"""

import random
from collections import defaultdict
from dataclasses import dataclass
from itertools import cycle

from latefusion.config import SampleConfig
from sample_catalogue.phrases import FAMILY_OF
from sample_catalogue.text import compose_text
from sample_catalogue.vocabulary import OFFICIAL_COUNTS

LOOK_GROUPS = (
    (10, 2705, 2280, 2403),  # covers
    (40, 2462, 2905),  # game cases
    (50, 60),  # devices
    (1140, 1180),  # standing figures
    (1280, 1300),  # vehicles
    (1281, 1160, 2522),  # printed card and paper
    (1920, 1301),  # fabrics
    (1560, 2582, 2060),  # furnishings
    (2583, 1302, 2585),  # for outdoors
    (1940, 2220, 1320),  # packs and bottles
)
LOOK_GROUP_OF = {code: group for group in LOOK_GROUPS for code in group}

SPLITS = ("train", "phase1", "phase2")
VAGUENESS = {"none": 0.57, "text": 0.19, "image": 0.20, "both": 0.04}
DUPLICATE_SHARE = 0.05  # products that reuse the image of another product of their code
LITERAL_NAN_SHARE = 0.03  # of the missing descriptions; the others are empty
ODD_TITLES = ("NA", "null", "nan", "N/A", "NULL", "None")  # strings that table readers often parse as missing
ODD_TITLE_SHARE = 0.001
NOISE_WITHIN_GROUP = 0.5  # of the wrong labels: a code of the family or look group; for the others, any code


@dataclass(frozen=True)
class Product:
    """One product of the sample; `code` is the true code, `label` the one in the training file."""

    integer_id: int
    split: str
    code: int
    label: int
    title: str
    description: str
    look: int  # the code whose drawing is in the image; another code of the look group if the image is vague
    drawing: int  # id of the drawing; equal for near-duplicates
    image_id: int
    product_id: int

    @property
    def image_name(self) -> str:
        return f"image_{self.image_id}_product_{self.product_id}.jpg"


def plan_products(sample: SampleConfig) -> list[Product]:
    """Return all products in the order of their Integer_id: training, then phase 1, then phase 2."""
    splits, codes = _assign_codes(sample)
    labels = _make_noise(sample, splits, codes)
    vagueness = _draw_vagueness(sample)
    texts = _compose_texts(sample, codes, vagueness)
    images = _choose_images(sample, codes, vagueness)
    image_ids = _rng(sample, "image ids").sample(range(500_000_000, 1_400_000_000), sample.products)
    product_ids = _rng(sample, "product ids").sample(range(10_000_000, 4_300_000_000), sample.products)
    columns = zip(splits, codes, labels, texts, images, image_ids, product_ids, strict=True)
    return [
        Product(integer_id, split, code, label, title, description, look, drawing, image_id, product_id)
        for integer_id, (split, code, label, (title, description), (look, drawing), image_id, product_id) in enumerate(
            columns
        )
    ]


def share_out(total: int) -> dict[int, int]:
    """Return the number of products per code in the official proportions.

    Largest remainder method; at least one product for each code if there are enough.
    """
    exact = {code: total * count / sum(OFFICIAL_COUNTS.values()) for code, count in OFFICIAL_COUNTS.items()}
    shares = {code: int(share) for code, share in exact.items()}
    by_remainder = sorted(exact, key=lambda code: shares[code] - exact[code])
    for code in by_remainder[: total - sum(shares.values())]:
        shares[code] += 1
    if total >= len(shares):
        for code in [code for code, share in shares.items() if share == 0]:
            shares[max(shares, key=lambda code: shares[code])] -= 1
            shares[code] = 1
    return shares


def _rng(sample: SampleConfig, purpose: str) -> random.Random:
    """Return a generator for one purpose, so that a parameter changes only the draws that depend on it."""
    return random.Random(f"{sample.seed} {purpose}")


def _assign_codes(sample: SampleConfig) -> tuple[list[str], list[int]]:
    n_train, n_phase1 = round(0.8 * sample.products), round(0.02 * sample.products)
    sizes = (n_train, n_phase1, sample.products - n_train - n_phase1)
    splits, codes = [], []
    for split, size in zip(SPLITS, sizes, strict=True):
        split_codes = [code for code, share in share_out(size).items() for _ in range(share)]
        _rng(sample, f"codes of {split}").shuffle(split_codes)
        splits += [split] * size
        codes += split_codes
    return splits, codes


def _make_noise(sample: SampleConfig, splits: list[str], codes: list[int]) -> list[int]:
    """Return the given labels: exactly the share `label_noise` of train is wrong, about half of it confusable."""
    rng = _rng(sample, "label noise")
    n_train = splits.count("train")
    labels = list(codes)
    for i in rng.sample(range(n_train), round(sample.label_noise * n_train)):
        confusable = rng.random() < NOISE_WITHIN_GROUP
        candidates = {*FAMILY_OF[codes[i]].codes, *LOOK_GROUP_OF[codes[i]]} if confusable else set(OFFICIAL_COUNTS)
        labels[i] = rng.choice(sorted(candidates - {codes[i]}))
    return labels


def _draw_vagueness(sample: SampleConfig) -> list[str]:
    return _rng(sample, "vagueness").choices(list(VAGUENESS), list(VAGUENESS.values()), k=sample.products)


def _compose_texts(sample: SampleConfig, codes: list[int], vagueness: list[str]) -> list[tuple[str, str]]:
    texts = [
        compose_text(_rng(sample, f"text {i}"), code, vague=kind in ("text", "both"))
        for i, (code, kind) in enumerate(zip(codes, vagueness, strict=True))
    ]
    rng = _rng(sample, "missing descriptions")
    for i in rng.sample(range(len(texts)), round(sample.missing_descriptions * len(texts))):
        texts[i] = texts[i][0], "NaN" if rng.random() < LITERAL_NAN_SHARE else ""
    for i, title in zip(_choose_odd_titles(sample), cycle(ODD_TITLES), strict=False):
        texts[i] = title, texts[i][1]
    return texts


def _choose_odd_titles(sample: SampleConfig) -> list[int]:
    count = max(2, round(ODD_TITLE_SHARE * sample.products))
    return _rng(sample, "odd titles").sample(range(sample.products), count)


def _choose_images(sample: SampleConfig, codes: list[int], vagueness: list[str]) -> list[tuple[int, int]]:
    """Return look and drawing per product; the look of a vague image is a random code of the look group."""
    rng = _rng(sample, "pictures")  # the string is part of the seed: another one draws another sample
    images: list[tuple[int, int]] = []
    earlier: dict[int, list[int]] = defaultdict(list)
    for i, (code, kind) in enumerate(zip(codes, vagueness, strict=True)):
        look, drawing = code, i
        if kind in ("image", "both"):
            group = LOOK_GROUP_OF[code]
            look = rng.choices(group, [OFFICIAL_COUNTS[member] for member in group])[0]
        if earlier[code] and rng.random() < DUPLICATE_SHARE:
            look, drawing = images[rng.choice(earlier[code])]
        earlier[code].append(i)
        images.append((look, drawing))
    return images

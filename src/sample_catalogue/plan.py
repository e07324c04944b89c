"""Decide, from the seed alone, what every product of the sample is: its code, texts, image, ids and given label.

Neighbouring codes are confusable in two ways. Codes of one text family share words, codes of one look group share
images, and the two kinds of groups cut across each other. A product is clear in both, vague in one of them, or,
rarely, vague in both; so neither text nor image is enough for all products.
"""

import random
from collections import defaultdict
from dataclasses import dataclass
from itertools import cycle

from latefusion.config import SampleConfig
from sample_catalogue.phrases import FAMILY_OF
from sample_catalogue.text import write_text
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

PARTS = ("train", "phase1", "phase2")
VAGUENESS = {"none": 0.57, "text": 0.19, "image": 0.20, "both": 0.04}
DUPLICATE_SHARE = 0.05  # products that reuse the photograph of another product of their code
LITERAL_NAN_SHARE = 0.03  # of the missing descriptions; the others are empty
ODD_TITLES = ("NA", "null", "nan", "N/A", "NULL", "None")  # strings that table readers like to take for missing
ODD_TITLE_SHARE = 0.001
NOISE_WITHIN_GROUP = 0.5  # of the wrong labels; the others may be any code


@dataclass(frozen=True)
class Product:
    """One product of the sample; `code` is true, `label` is what the training file says."""

    integer_id: int
    part: str
    code: int
    label: int
    title: str
    description: str
    look: int  # the code whose drawing the image shows
    drawing: int  # equal for near-duplicates
    image_id: int
    product_id: int

    @property
    def image_name(self) -> str:
        return f"image_{self.image_id}_product_{self.product_id}.jpg"


def plan_products(sample: SampleConfig) -> list[Product]:
    """Return all products in the order of their Integer_id: training, then phase 1, then phase 2."""
    parts, codes = _assign_codes(sample)
    labels = _make_noise(sample, parts, codes)
    vagueness = _draw_vagueness(sample)
    texts = _write_texts(sample, codes, vagueness)
    images = _choose_images(sample, codes, vagueness)
    image_ids = _rng(sample, "image ids").sample(range(500_000_000, 1_400_000_000), sample.products)
    product_ids = _rng(sample, "product ids").sample(range(10_000_000, 4_300_000_000), sample.products)
    columns = zip(parts, codes, labels, texts, images, image_ids, product_ids, strict=True)
    return [
        Product(integer_id, part, code, label, *text, *image, image_id, product_id)
        for integer_id, (part, code, label, text, image, image_id, product_id) in enumerate(columns)
    ]


def share_out(total: int) -> dict[int, int]:
    """Share products out in the official proportions: largest remainder, at least one for each code if it fits."""
    exact = {code: total * count / sum(OFFICIAL_COUNTS.values()) for code, count in OFFICIAL_COUNTS.items()}
    shares = {code: int(share) for code, share in exact.items()}
    by_remainder = sorted(exact, key=lambda code: shares[code] - exact[code])
    for code in by_remainder[: total - sum(shares.values())]:
        shares[code] += 1
    if total >= len(shares):
        for code in [code for code, share in shares.items() if share == 0]:
            shares[max(shares, key=shares.get)] -= 1
            shares[code] = 1
    return shares


def _rng(sample: SampleConfig, purpose: str) -> random.Random:
    """A generator of its own for every purpose, so that one parameter does not disturb what others decide."""
    return random.Random(f"{sample.seed} {purpose}")


def _assign_codes(sample: SampleConfig) -> tuple[list[str], list[int]]:
    n_train, n_phase1 = round(0.8 * sample.products), round(0.02 * sample.products)
    sizes = (n_train, n_phase1, sample.products - n_train - n_phase1)
    parts, codes = [], []
    for part, size in zip(PARTS, sizes, strict=True):
        part_codes = [code for code, share in share_out(size).items() for _ in range(share)]
        _rng(sample, f"codes of {part}").shuffle(part_codes)
        parts += [part] * size
        codes += part_codes
    return parts, codes


def _make_noise(sample: SampleConfig, parts: list[str], codes: list[int]) -> list[int]:
    """Give exactly `label_noise` of the training products a wrong label, about half of them a confusable one."""
    rng = _rng(sample, "label noise")
    n_train = parts.count("train")
    labels = list(codes)
    for i in rng.sample(range(n_train), round(sample.label_noise * n_train)):
        near = rng.random() < NOISE_WITHIN_GROUP
        candidates = {*FAMILY_OF[codes[i]].codes, *LOOK_GROUP_OF[codes[i]]} if near else set(OFFICIAL_COUNTS)
        labels[i] = rng.choice(sorted(candidates - {codes[i]}))
    return labels


def _draw_vagueness(sample: SampleConfig) -> list[str]:
    return _rng(sample, "vagueness").choices(list(VAGUENESS), VAGUENESS.values(), k=sample.products)


def _write_texts(sample: SampleConfig, codes: list[int], vagueness: list[str]) -> list[tuple[str, str]]:
    texts = [
        write_text(_rng(sample, f"text {i}"), code, vague=kind in ("text", "both"))
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
    """Return look and drawing per product; a vague image shows what some code of the look group looks like."""
    rng = _rng(sample, "pictures")
    images: list[tuple[int, int]] = []
    earlier = defaultdict(list)
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

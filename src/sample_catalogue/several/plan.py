"""The plan of the sample with several labels: labels, texts and image of every product, determined by the seed.

Title, description and image show department and type, unless they are vague, each independently of the others. Colour
and pattern are visible in the image alone, the feature is named in the description alone, the theme in the title alone.
So each of the three adds labels that the other two cannot know.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from latefusion.config import SampleConfig
from sample_catalogue.several.text import choose_brand, compose_description, compose_title
from sample_catalogue.several.vocabulary import (
    COLOURS,
    DEPARTMENT_OF,
    FEATURES,
    GROUPS,
    LABELS,
    LOOK_GROUP_OF,
    NOUNS,
    PATTERNS,
    THEMES,
    TYPES,
)

VAGUENESS = {"title": 0.35, "description": 0.3, "image": 0.6}  # of all products: the type is not shown
SHARES = {"colour": 0.25, "pattern": 0.2, "feature": 0.35, "theme": 0.3}  # of all products: those with such a label
TRAIN_SHARE = 0.8
TYPE_WEIGHTS = [  # the first departments, and the first types of each, are sold more than the others
    (place + 1) ** -0.4 * (rank + 1) ** -0.6 for place, types in enumerate(TYPES.values()) for rank in range(len(types))
]


@dataclass(frozen=True)
class Product:
    """One product; `truth` holds its labels, `labels` those in the training file."""

    number: int
    split: str  # train or test
    truth: tuple[str, ...]
    labels: tuple[str, ...]
    title: str
    description: str
    look: str  # the type whose outline is in the image; another one of the look group if the image is vague
    colour: str | None
    pattern: str | None

    @property
    def id(self) -> str:
        return f"P{self.number:06}"

    @property
    def image_name(self) -> str:
        return f"{self.id}.jpg"


def plan_products(sample: SampleConfig) -> list[Product]:
    """Return all products, those of train first."""
    n_train = round(TRAIN_SHARE * sample.products)
    plain = [_plan_product(sample, number, is_train=number < n_train) for number in range(sample.products)]
    rng = _rng(sample, "missing descriptions")
    missing = set(rng.sample(range(len(plain)), round(sample.missing_descriptions * len(plain))))
    wrong = _make_noise(sample, [product.truth for product in plain[:n_train]])
    return [
        replace(
            product,
            description="" if product.number in missing else product.description,
            labels=wrong.get(product.number, product.labels),
        )
        for product in plain
    ]


def _plan_product(sample: SampleConfig, number: int, *, is_train: bool) -> Product:
    rng = _rng(sample, f"product {number}")
    kind = rng.choices(list(NOUNS), TYPE_WEIGHTS)[0]
    colour, pattern = _draw(rng, COLOURS, SHARES["colour"]), _draw(rng, PATTERNS, SHARES["pattern"])
    feature, theme = _draw(rng, tuple(FEATURES), SHARES["feature"]), _draw(rng, tuple(THEMES), SHARES["theme"])
    labels = tuple(filter(None, (DEPARTMENT_OF[kind], kind, colour, pattern, feature, theme)))
    vague = {name: rng.random() < share for name, share in VAGUENESS.items()}
    look = rng.choice(LOOK_GROUP_OF[kind]) if vague["image"] else kind
    brand = choose_brand(rng, kind)
    return Product(
        number=number,
        split="train" if is_train else "test",
        truth=labels,
        labels=labels,
        title=compose_title(_rng(sample, f"title {number}"), kind, brand, theme, vague=vague["title"]),
        description=compose_description(
            _rng(sample, f"description {number}"), kind, brand, feature, vague=vague["description"]
        ),
        look=look,
        colour=colour,
        pattern=pattern,
    )


def _draw(rng: random.Random, labels: Sequence[str], share: float) -> str | None:
    """Return one of the labels, the first are more frequent; for a share of products, otherwise None."""
    weights = [(rank + 1) ** -0.4 for rank in range(len(labels))]
    chosen = rng.choices(labels, weights)[0]
    return chosen if rng.random() < share else None


def _make_noise(sample: SampleConfig, truth: list[tuple[str, ...]]) -> dict[int, tuple[str, ...]]:
    """Return the wrong labels of exactly the share `label_noise` of the training products, by number.

    A label is missing, replaced by another of its group, or added: one of the three, equally often.
    """
    rng = _rng(sample, "label noise")
    wrong = rng.sample(range(len(truth)), round(sample.label_noise * len(truth)))
    changes = (_without_one, _with_another, _with_one_more)
    return {number: rng.choice(changes)(rng, truth[number]) for number in wrong}


def _without_one(rng: random.Random, labels: tuple[str, ...]) -> tuple[str, ...]:
    gone = rng.choice(labels)
    return tuple(label for label in labels if label != gone)


def _with_another(rng: random.Random, labels: tuple[str, ...]) -> tuple[str, ...]:
    changed = rng.choice(labels)
    group = next(group for group in GROUPS if changed in group)
    other = rng.choice([label for label in group if label != changed])
    return tuple(other if label == changed else label for label in labels)


def _with_one_more(rng: random.Random, labels: tuple[str, ...]) -> tuple[str, ...]:
    return (*labels, rng.choice([label for label in LABELS if label not in labels]))


def _rng(sample: SampleConfig, purpose: str) -> random.Random:
    """Return a generator for one purpose, so that a parameter changes only the draws that depend on it."""
    return random.Random(f"{sample.seed} several {purpose}")

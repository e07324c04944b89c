"""English titles and descriptions. A vague text has no noun of the product's type."""

import random

from sample_catalogue.several.vocabulary import (
    ABOUT,
    BOILER_PLATE,
    BRANDS,
    DEPARTMENT_OF,
    FEATURES,
    LINES,
    NOUNS,
    THEMES,
    TITLE_DETAILS,
    TYPES,
    VAGUE_NOUNS,
)

TYPICAL_BRAND_SHARE = 0.3  # of the products: their brand is the one that is typical of their department
CROSS_REFERENCE_SHARE = 0.12  # of the titles: they name the noun of another type
MEDIAN_TITLE, MEDIAN_DESCRIPTION, MAX_DESCRIPTION = 7, 35, 300  # words; the last phrase may exceed them


def choose_brand(rng: random.Random, kind: str) -> str:
    """Return a brand: each sells products of all departments, and is typical of one."""
    typical = BRANDS[list(TYPES).index(DEPARTMENT_OF[kind])]
    return typical if rng.random() < TYPICAL_BRAND_SHARE else rng.choice(BRANDS)


def compose_title(rng: random.Random, kind: str, brand: str, theme: str | None, *, vague: bool) -> str:
    """Return the title of a product of a type, with words of its theme."""
    phrases = [rng.choice(LINES)] if vague else [rng.choice(NOUNS[kind])]
    phrases += [brand] * (rng.random() < 0.7) + [rng.choice(LINES)] * (rng.random() < 0.4)
    if theme is not None:
        phrases.append(rng.choice(THEMES[theme]))
    if rng.random() < CROSS_REFERENCE_SHARE:
        phrases.append(f"matches {rng.choice(NOUNS[rng.choice(list(NOUNS))])}")
    wanted = round(MEDIAN_TITLE * rng.lognormvariate(0, 0.4))
    for detail in rng.sample(TITLE_DETAILS, len(TITLE_DETAILS)):
        if len(" ".join(phrases).split()) >= wanted:
            break
        phrases.append(_fill(rng, detail, brand=brand))
    if rng.random() < 0.5:
        rng.shuffle(phrases)
    title = rng.choice((" ", " ", " - ", ", ")).join(phrases)
    capitalised = " ".join(word[:1].upper() + word[1:] for word in title.split(" "))
    return capitalised if rng.random() < 0.5 else title[:1].upper() + title[1:]


def compose_description(rng: random.Random, kind: str, brand: str, feature: str | None, *, vague: bool) -> str:
    """Return the description of a product of a type, with a sentence about its feature."""
    noun = rng.choice(VAGUE_NOUNS if vague else NOUNS[kind])
    sentences = [_fill(rng, rng.choice(ABOUT), noun=noun, brand=brand)]
    if feature is not None:
        sentences.append(rng.choice(FEATURES[feature]))
    wanted = min(round(MEDIAN_DESCRIPTION * rng.lognormvariate(0, 0.7)), MAX_DESCRIPTION)
    words = len(" ".join(sentences).split())
    while words < wanted:
        sentence = _fill(rng, rng.choice((*ABOUT, *BOILER_PLATE)), noun=noun, brand=brand)
        sentences.append(sentence)
        words += len(sentence.split())
    if rng.random() < 0.6:
        rng.shuffle(sentences)
    style = rng.random()
    return "<br/>".join(sentences) if style < 0.2 else " ".join(sentences)


def _fill(rng: random.Random, phrase: str, **words: str) -> str:
    numbers = {"number": rng.randint(2, 99), "other": rng.randint(10, 99), "line": rng.choice(LINES)}
    return phrase.format(**words, **numbers)

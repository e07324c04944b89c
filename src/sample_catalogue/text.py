"""Titles and descriptions in the style of sellers on a French marketplace.

A clear text uses the nouns of the product's code, a vague one only nouns that all codes of its family share.
"""

import random
from collections.abc import Iterator

from sample_catalogue.phrases import ABOUT, BOILER_PLATE, COLOURS, FAMILY_OF, FOREIGN_DETAILS
from sample_catalogue.vocabulary import NOUNS

MIN_TITLE, MAX_TITLE = 11, 250  # characters
MEDIAN_TITLE, MEDIAN_DESCRIPTION, MAX_DESCRIPTION = 10, 31, 1500  # words; the last phrase may exceed them
LANGUAGES = {"french": 85, "english": 11, "german": 4}
CROSS_REFERENCES = ("pour", "compatible", "avec", "type", "accessoire")
# In this order: the ampersand first.
ENTITIES = {"&": "&amp;", "'": "&#39;", "é": "&eacute;", "è": "&egrave;", " :": "&nbsp;:"}


def compose_text(rng: random.Random, code: int, *, vague: bool) -> tuple[str, str]:
    """Return a title and a description without tabs and line breaks."""
    language = rng.choices(list(LANGUAGES), list(LANGUAGES.values()))[0]
    seller = _Seller(rng, code, language, vague=vague)
    title = _write_title(rng, seller)
    if rng.random() < 0.09:
        seller.language = "english"
    return title, _write_description(rng, seller)


class _Seller:
    """Choose the words for one product: always the same brand and subject, mostly the same noun."""

    def __init__(self, rng: random.Random, code: int, language: str, *, vague: bool) -> None:
        self.rng, self.language, self.family = rng, language, FAMILY_OF[code]
        self.vocabulary = self.family.shared if vague else NOUNS[code]
        self.brand = self._choose_brand(code)
        self.subject = self._fill(rng.choice(self.family.subjects))
        self.favourites = {name: self._choose_noun(name) for name in LANGUAGES}

    def noun(self) -> str:
        if self.rng.random() < 0.75:
            return self._fill(self.favourites[self.language])
        return self._fill(self._choose_noun(self.language))

    def _choose_noun(self, language: str) -> str:
        """Return a random noun; the first nouns of a list are the most frequent ones."""
        nouns = getattr(self.vocabulary, language)
        return self.rng.choices(nouns, [1 / (rank + 1) for rank in range(len(nouns))])[0]

    def _choose_brand(self, code: int) -> str:
        """Return a brand of the family: each sells products of all codes, and one of them is typical of this code."""
        brands = self.family.brands
        return brands[self.family.codes.index(code)] if self.rng.random() < 0.45 else self.rng.choice(brands)

    def other_noun(self) -> str:
        """Return a noun of any code, for what the product is compatible with."""
        return self.rng.choice(getattr(NOUNS[self.rng.choice(list(NOUNS))], self.language))

    def details(self) -> Iterator[str]:
        """Yield a colour and the family's details in random order."""
        details = [*FOREIGN_DETAILS.get(self.language, self.family.details), self.rng.choice(COLOURS[self.language])]
        yield from map(self._fill, self.rng.sample(details, len(details)))

    def sentences(self) -> Iterator[str]:
        """Yield sentences without end: first one about the product, then all of them in random order, repeatedly."""
        about, boiler_plate = ABOUT[self.language], BOILER_PLATE[self.language]
        yield self._complete(self.rng.choice(about))
        while True:
            for sentence in self.rng.sample([*about, *boiler_plate], len(about) + len(boiler_plate)):
                yield self._complete(sentence)

    def _complete(self, sentence: str) -> str:
        if "{" not in sentence:
            return sentence
        detail, colour = next(self.details()), self.rng.choice(COLOURS[self.language])
        words = {"noun": self.noun(), "brand": self.brand, "subject": self.subject, "detail": detail, "colour": colour}
        return self._fill(sentence, **words)

    def _fill(self, phrase: str, **words: str) -> str:
        if "{" not in phrase:
            return phrase
        draw = self.rng.randint
        numbers = {"number": draw(2, 99), "year": draw(1930, 2019), "length": draw(10, 400), "width": draw(5, 200)}
        return phrase.format(**words, **numbers)


def _write_title(rng: random.Random, seller: _Seller) -> str:
    wanted = _draw_length(rng, MEDIAN_TITLE, spread=0.45)
    phrases = [seller.noun()]
    if rng.random() < 0.1:
        phrases[0] = f"{phrases[0]} {rng.choice(CROSS_REFERENCES)} {seller.other_noun()}"
    phrases += [seller.subject] * (rng.random() < 0.7) + [seller.brand] * (rng.random() < 0.5)
    for detail in seller.details():
        if len(" ".join(phrases).split()) >= wanted:
            break
        phrases.append(detail)
    if rng.random() < 0.4:
        rng.shuffle(phrases)
    if rng.random() < 0.04:
        phrases = _quote(rng, phrases)
    title = _set_case(rng, rng.choice((" ", " ", " - ", ", ")).join(phrases))
    if len(title) < MIN_TITLE:
        title = f"{title} - {seller.brand}"
    return _garble(rng, title, entity_share=0.03)[:MAX_TITLE].strip()


def _quote(rng: random.Random, phrases: list[str]) -> list[str]:
    """Put one phrase in double quotes, or append a size in inches, which has a single double quote."""
    if rng.random() < 0.3:
        return [*phrases, f'{rng.randint(5, 55)}"']
    quoted = rng.randrange(len(phrases))
    return [f'"{phrase}"' if i == quoted else phrase for i, phrase in enumerate(phrases)]


def _set_case(rng: random.Random, title: str) -> str:
    style = rng.random()
    if style < 0.08:
        return title.upper()
    if style < 0.5:
        return " ".join(word[:1].upper() + word[1:] for word in title.split(" "))
    return title[:1].upper() + title[1:]


def _write_description(rng: random.Random, seller: _Seller) -> str:
    wanted = min(_draw_length(rng, MEDIAN_DESCRIPTION, spread=0.95), MAX_DESCRIPTION)
    sentences, words = [], 0
    for sentence in seller.sentences():
        sentences.append(sentence)
        words += len(sentence.split())
        if words >= wanted:
            break
    return _garble(rng, _mark_up(rng, sentences), entity_share=0.35)


def _mark_up(rng: random.Random, sentences: list[str]) -> str:
    """Join the sentences: plain, or with one of the kinds of HTML markup that sellers use."""
    style = rng.random()
    if style < 0.55:
        return " ".join(sentences)
    if style < 0.75:
        return "<br/>".join(sentences)
    if style < 0.9:
        return "".join(f"<p>{sentence}</p>" for sentence in sentences)
    items = "".join(f"<li>{sentence}</li>" for sentence in sentences[1:])
    return f"<b>{sentences[0]}</b><ul>{items}</ul>"


def _garble(rng: random.Random, text: str, *, entity_share: float) -> str:
    """Return the text, sometimes with HTML entities, rarely as mojibake (UTF-8 read as Windows-1252)."""
    if rng.random() < entity_share:
        for plain, entity in ENTITIES.items():
            text = text.replace(plain, entity)
    if rng.random() < 0.015:
        text = text.encode("utf-8").decode("cp1252", errors="replace")
    return text


def _draw_length(rng: random.Random, median: int, *, spread: float) -> int:
    return round(median * rng.lognormvariate(0, spread))

"""Write the title and the description of a product, as sellers of a French marketplace write them.

A clear text names the product by its code's own nouns, a vague one only by nouns that its whole family shares.
"""

import random

from latefusion.sample.phrases import ABOUT, BOILER_PLATE, COLOURS, FAMILY_OF, FOREIGN_DETAILS
from latefusion.sample.vocabulary import NOUNS

MIN_TITLE, MAX_TITLE = 11, 250  # characters
MEDIAN_TITLE, MEDIAN_DESCRIPTION, MAX_DESCRIPTION = 11, 35, 1500  # words
LANGUAGES = {"french": 85, "english": 11, "german": 4}
CROSS_REFERENCES = ("pour", "compatible", "avec", "type", "accessoire")
ENTITIES = {"'": "&#39;", "é": "&eacute;", "è": "&egrave;", " :": "&nbsp;:", "&": "&amp;"}


def write_text(rng: random.Random, code: int, *, vague: bool) -> tuple[str, str]:
    """Return a title and a description, neither with a tab or a line break."""
    title_language = rng.choices(list(LANGUAGES), LANGUAGES.values())[0]
    description_language = "english" if rng.random() < 0.09 else title_language
    title = _write_title(rng, _Words(rng, code, title_language, vague))
    description = _write_description(rng, _Words(rng, code, description_language, vague))
    return title, description


class _Words:
    """Draws words about one product, in one language, clear or vague."""

    def __init__(self, rng: random.Random, code: int, language: str, vague: bool) -> None:
        self.rng, self.language, self.family = rng, language, FAMILY_OF[code]
        source = self.family.shared if vague else NOUNS[code]
        self.nouns = getattr(source, language)
        self.favourite = rng.choice(self.nouns)
        self.brand = rng.choice(self.family.brands)
        self.subject = self._fill(rng.choice(self.family.subjects))

    def noun(self) -> str:
        """Mostly the same noun: a seller names one product, now and then by another word."""
        noun = self.favourite if self.rng.random() < 0.75 else self.rng.choice(self.nouns)
        return self._fill(noun)

    def colour(self) -> str:
        return self.rng.choice(COLOURS[self.language])

    def detail(self) -> str:
        return self._fill(self.rng.choice(FOREIGN_DETAILS.get(self.language, self.family.details)))

    def other_noun(self) -> str:
        """A noun of any code: what the product goes with, not what it is."""
        return self._fill(self.rng.choice(getattr(NOUNS[self.rng.choice(list(NOUNS))], self.language)))

    def about(self) -> str:
        sentence = self.rng.choice(ABOUT[self.language])
        words = {"noun": self.noun(), "brand": self.brand, "subject": self.subject}
        return self._fill(sentence.format(**words, detail=self.detail(), colour=self.colour(), **self._numbers()))

    def boiler_plate(self) -> str:
        return self.rng.choice(BOILER_PLATE[self.language])

    def _fill(self, phrase: str) -> str:
        return phrase.format(**self._numbers()) if "{" in phrase else phrase

    def _numbers(self) -> dict[str, int]:
        draw = self.rng.randint
        return {"number": draw(2, 99), "year": draw(1930, 2019), "length": draw(10, 400), "width": draw(5, 200)}


def _write_title(rng: random.Random, words: _Words) -> str:
    wanted = _draw_length(rng, MEDIAN_TITLE, spread=0.4)
    parts = [words.noun()]
    if rng.random() < 0.12:
        parts[0] = f"{parts[0]} {rng.choice(CROSS_REFERENCES)} {words.other_noun()}"
    parts += [words.subject] * (rng.random() < 0.7) + [words.brand] * (rng.random() < 0.5)
    extras = (words.detail, words.detail, words.colour)
    while len(" ".join(parts).split()) < wanted:
        parts.append(rng.choice(extras)())
    if rng.random() < 0.4:
        rng.shuffle(parts)
    if rng.random() < 0.04:
        parts = _quote(rng, parts)
    title = _set_case(rng, rng.choice((" ", " ", " - ", ", ")).join(parts))
    title = title if len(title) >= MIN_TITLE else f"{title} - {words.brand}"
    return _spoil(rng, title[:MAX_TITLE].strip(), html_share=0.03)


def _quote(rng: random.Random, parts: list[str]) -> list[str]:
    """Put double quotes around a part, or leave one alone as inches."""
    if rng.random() < 0.3:
        return [*parts, f'{rng.randint(5, 55)}"']
    place = rng.randrange(len(parts))
    return [f'"{part}"' if i == place else part for i, part in enumerate(parts)]


def _set_case(rng: random.Random, title: str) -> str:
    style = rng.random()
    if style < 0.08:
        return title.upper()
    if style < 0.5:
        return " ".join(word[:1].upper() + word[1:] for word in title.split(" "))
    return title[:1].upper() + title[1:]


def _write_description(rng: random.Random, words: _Words) -> str:
    wanted = min(_draw_length(rng, MEDIAN_DESCRIPTION, spread=0.95), MAX_DESCRIPTION)
    sentences = [words.about()]
    while len(" ".join(sentences).split()) < wanted:
        sentences.append(words.about() if rng.random() < 0.5 else words.boiler_plate())
    return _spoil(rng, _mark_up(rng, sentences), html_share=0.35)


def _mark_up(rng: random.Random, sentences: list[str]) -> str:
    """Join the sentences, in one of the ways that sellers paste them in."""
    style = rng.random()
    if style < 0.55:
        return " ".join(sentences)
    if style < 0.75:
        return "<br/>".join(sentences)
    if style < 0.9:
        return "".join(f"<p>{sentence}</p>" for sentence in sentences)
    items = "".join(f"<li>{sentence}</li>" for sentence in sentences[1:])
    return f"<b>{sentences[0]}</b><ul>{items}</ul>"


def _spoil(rng: random.Random, text: str, *, html_share: float) -> str:
    """Turn some characters into HTML entities, or some texts into mojibake (UTF-8 read as Windows-1252)."""
    if rng.random() < html_share:
        for plain, entity in reversed(ENTITIES.items()):  # the ampersand first
            text = text.replace(plain, entity)
    if rng.random() < 0.015:
        text = text.encode("utf-8").decode("cp1252", errors="replace")
    return text


def _draw_length(rng: random.Random, median: int, *, spread: float) -> int:
    return round(median * rng.lognormvariate(0, spread))

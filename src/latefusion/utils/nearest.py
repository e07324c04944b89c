"""Words of messages: the nearest known name for one that does not exist, numbers with their noun, shortened texts."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

SHOWN = 20  # known words that are listed at most, if none is near


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most similar to a misspelt one, ignoring case, or None if none is similar."""
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else None


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return a clause to append to an error message: the nearest known word, or all known words if none is near."""
    if (near := nearest(word, known)) is not None:
        return f"; did you mean '{near}'?"
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return f"; known: {', '.join(list(known)[:SHOWN])}{more}"


def unknown_key(key: str, known: Collection[str]) -> str:
    """Return the message about a key that is none of the known ones."""
    word = shorten(key)
    return f"unknown key '{word}'{did_you_mean(word, known)}"


def shorten(text: str, limit: int = 80) -> str:
    """Return a text for an error message, cut to `limit` characters."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def plural(n: int, one: str, more: str | None = None) -> str:
    """Return a number with its noun, or its noun and verb; without `more`, the plural is formed with s."""
    return f"{n:,} {one if n == 1 else more or f'{one}s'}"

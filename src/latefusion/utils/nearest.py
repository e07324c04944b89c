"""The nearest known word, for errors about a name that does not exist."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

SHOWN = 20  # known words, where none is near


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like a misspelt one, whatever its capitals, or None where none is near."""
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else None


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return a clause to append to an error: the nearest known word, or the known words when none is near."""
    if (near := nearest(word, known)) is not None:
        return f"; did you mean '{near}'?"
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return f"; known: {', '.join(list(known)[:SHOWN])}{more}"


def shorten(text: str, limit: int = 80) -> str:
    """Return a text for use in an error: a long one is cut."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."

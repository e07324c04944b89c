"""The nearest known word, for errors about a name that does not exist."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a clause to append to an error: the nearest known word, or all of them when none is near."""
    known = [str(name) for name in known]
    near = get_close_matches(word, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(known)}"

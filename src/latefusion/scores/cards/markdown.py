"""Markdown of cards: texts of users as they are, tables, lists."""

import re
from collections.abc import Iterable, Sequence

from latefusion.scores.report import markdown

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!$:@])")  # what Markdown, HTML, formulas and links begin with


def escape(text: str) -> str:
    """Return a text of a user, such as the name of a class, in one line that Markdown shows as it is."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(names: Iterable[str]) -> str:
    """Return names of the config, which hold letters, digits, - and _ alone."""
    return ", ".join(f"`{name}`" for name in names)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; cells are shown as they are, so `escape` what is not the project's own."""
    return markdown([tuple(header), *(tuple(map(str, row)) for row in rows)])


def bullets(lines: Iterable[str]) -> str:
    """Return a list of the lines that are not empty."""
    return "\n".join(f"- {line}" for line in lines if line)


def percent(share: float) -> str:
    return f"{100 * share:.1f}"

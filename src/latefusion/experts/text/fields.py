"""Which of a product's texts an expert reads: title and description, or one of them (`reads` of its config).

A product without the text that an expert reads alone has an empty text. It is trained on like any other; its predicted
probabilities are class frequencies (`experts.without_text`).
"""

from typing import Protocol

import pandas as pd

from latefusion.config.experts.text import Reads
from latefusion.dataset.cleaning import clean
from latefusion.utils.errors import InputError

FIELDS: dict[str, tuple[str, ...]] = {
    "both": ("title", "description"),
    "title": ("title",),
    "description": ("description",),
}
Pair = tuple[str, str]  # title and description, or the one text that is read and ""


class Reader(Protocol):
    """What the config of a text expert says about its texts."""

    @property
    def reads(self) -> Reads: ...

    @property
    def cleaning(self) -> str: ...


def read_fields(products: pd.DataFrame, expert: Reader) -> list[Pair]:
    """Return the texts that an expert reads, as they are: (title, description), or (text, ""); a missing text is ""."""
    columns = [products[field].fillna("") for field in FIELDS[expert.reads]]
    second = columns[1] if len(columns) == 2 else [""] * len(products)
    return list(zip(columns[0], second, strict=True))


def clean_pairs(products: pd.DataFrame, expert: Reader) -> list[Pair]:
    """Return what `read_fields` returns, cleaned."""
    return [
        (clean(first, expert.cleaning), clean(second, expert.cleaning))
        for first, second in read_fields(products, expert)
    ]


def require_texts(products: pd.DataFrame, expert: Reader) -> None:
    """Raise InputError if none of the training products has a text that the expert reads."""
    fields = FIELDS[expert.reads]
    if not any((products[field].fillna("").str.strip() != "").any() for field in fields):
        raise InputError(
            f"no training product has a {' or a '.join(fields)} to learn from: change the expert's key `reads`, or "
            "remove the expert"
        )

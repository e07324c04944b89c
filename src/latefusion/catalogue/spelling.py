"""Find labels that look alike: the same class to a reader, different classes to a program.

Two labels look alike if they are equal after these steps: compatibility characters are normalised (Unicode's NFKC:
composed and decomposed accents, full width, ligatures), case is folded, invisible characters are removed, spaces are
collapsed, and the decimals of whole numbers are dropped (spreadsheets write 10.0 for 10).
"""

import re
import unicodedata

import pandas as pd

from latefusion.catalogue.checks import is_blank, refuse
from latefusion.utils.labels import each_label

# Soft hyphen, zero-width spaces and joiners, direction marks, invisible operators, variation selectors, BOM.
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
_WHOLE_NUMBER_WITH_DECIMALS = re.compile(r"([+-]?[0-9]+)\.0+")


def spelling_key(label: str) -> str:
    """Return a key that is equal for labels that look alike."""
    folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", label)).casefold()
    key = " ".join(unicodedata.normalize("NFKC", folded).split())
    return _WHOLE_NUMBER_WITH_DECIMALS.sub(r"\1", key) if _WHOLE_NUMBER_WITH_DECIMALS.fullmatch(key) else key


def show_spelling(label: str) -> str:
    """Return a label for an error message: quoted and, unless it is ASCII, with its character codes."""
    return f"'{label}'" if label.isascii() else f"'{label}' ({label.encode('unicode_escape').decode()})"


def check_spellings(rows: pd.DataFrame, *, several: bool) -> None:
    """Raise InputError if labels look alike but are not equal; the message names one row for each spelling."""
    labelled = rows.loc[~is_blank(rows["label"]), ["id", "label"]]
    each = each_label(labelled["label"], several=several)
    spellings = labelled.drop(columns="label").join(each).drop_duplicates("label")
    keys = spellings["label"].map(spelling_key)
    problems = "id " + spellings["id"] + " has " + spellings["label"].map(show_spelling)
    refuse(problems[keys == ""], "Labels that hold only invisible characters:", "Write a label, or empty the cell.")
    alike = keys.duplicated(keep=False).to_numpy()
    order = keys[alike].argsort(kind="stable")
    refuse(
        problems[alike].iloc[order],
        "Labels that look alike but are not equal (one row for each spelling):",
        "Spell each class in one way.",
    )

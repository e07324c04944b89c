"""Find columns by their usual names, where the config names none and the default is not there."""

import logging
import re
from pathlib import Path

from latefusion.config import Columns
from latefusion.utils.errors import list_problems

logger = logging.getLogger(__name__)

# Compared without case, spaces, hyphens and underscores.
USUAL_NAMES = {
    "id": ("product_id", "sku", "uniq_id", "item_id"),
    "title": ("name", "product_name", "designation", "product_title"),
    "description": ("product_description", "desc", "text", "body"),
    "image": (
        "image_path",
        "image_file",
        "images",
        "img",
        "picture",
        "photo",
        "image_url",
        "image_urls",
        "image_link",
    ),
    "label": ("category", "class", "product_category", "prdtypecode", "target"),
}


def find_columns(path: Path, found: list[str], columns: Columns, fields: list[str]) -> dict[str, list[str]]:
    """Return the columns of each field that has any: those that the config names, or of a usual name, or the default.

    Raises InputError if several columns have usual names of one field. The columns returned may still be missing.
    """
    named = {field: columns.of(field) for field in fields if columns.of(field)}
    chosen = {name for field in columns.model_fields_set for name in columns.of(field)}
    problems = []
    for field, (default, *_) in named.items():
        if field in columns.model_fields_set or default in found or field not in USUAL_NAMES:
            continue
        candidates = _candidates(field, default, [name for name in dict.fromkeys(found) if name not in chosen])
        if len(candidates) == 1:
            named[field] = candidates
            if candidates != [field]:  # the field's own name is no guess; tables of ours have it
                advice = f"if it is not, set catalogue.columns.{field}"
                logger.info("%s: the column '%s' is taken for the %s; %s", path.name, candidates[0], field, advice)
        elif candidates:
            names = ", ".join(f"'{name}'" for name in candidates)
            problems.append(f"the {field} could be any of {names}: choose one in catalogue.columns.{field}")
    if problems:
        raise list_problems(f"{path}: it is not clear which columns to read:", problems, "Name them in the config.")
    return named


def _candidates(field: str, default: str, found: list[str]) -> list[str]:
    """Return the columns with the field's own name or the default, but for case and separators, else a usual name."""
    for names in ((default, field), USUAL_NAMES[field]):
        keys = {_key(name) for name in names}
        if candidates := [name for name in found if _key(name) in keys]:
            return candidates
    return []


def _key(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()

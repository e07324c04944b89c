"""Cells that name several images: lists of Parquet and JSON, texts with a separator, JSON lists as text, lines."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from latefusion.catalogue.cells import LIST_MARK, cell_text


def join_images(columns: Sequence[pd.Series], separator: str | None) -> pd.Series:
    """Return the images of all columns' cells, one per line, each once; empty for none."""
    if len(columns) == 1 and not _has_several(columns[0], separator):
        return columns[0]
    rows = zip(*columns, strict=True)
    joined = ["\n".join(dict.fromkeys(path for cell in row for path in split_images(cell, separator))) for row in rows]
    return pd.Series(joined, index=columns[0].index, dtype="str")


def image_lines(cells: pd.Series, separator: str | None) -> np.ndarray:
    """Return the images of a column of any type, whose cells may be lists or arrays, one per line; empty for none."""
    present = cells.astype(object).where(cells.notna(), None)
    texts = [cell_text(list(cell) if isinstance(cell, np.ndarray | tuple) else cell) for cell in present]
    return join_images([pd.Series(texts, dtype="str")], separator).to_numpy()


def split_images(cell: str, separator: str | None) -> list[str]:
    """Return the images that a cell names, without blanks around them."""
    listed = cell.split(LIST_MARK) if cell.startswith(LIST_MARK) else _json_list(cell)
    if listed is None:
        listed = cell.split(separator) if separator is not None else [cell]
    return [path.strip() for part in listed for path in part.splitlines() if path.strip()]


def _has_several(cells: pd.Series, separator: str | None) -> bool:
    signs = [LIST_MARK, "\n", "\r", *([] if separator is None else [separator])]
    looks_like_list = cells.str.startswith(("[", " ")).any()
    return bool(looks_like_list) or any(cells.str.contains(sign, regex=False).any() for sign in signs)


def _json_list(cell: str) -> list[str] | None:
    """Return the texts of a JSON list, as some shops export columns; None if the cell is no such list."""
    if not cell.strip().startswith("["):
        return None
    try:
        found = json.loads(cell)
    except ValueError:
        return None
    return found if isinstance(found, list) and all(isinstance(path, str) for path in found) else None

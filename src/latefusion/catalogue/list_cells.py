"""Cells that name several images or labels: lists of Parquet and JSON, JSON lists as text, separators, lines."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from latefusion.catalogue.cells import LIST_MARK, cell_text, is_flat


def join_cells(columns: Sequence[pd.Series], separator: str | None) -> pd.Series:
    """Return what all columns' cells name, one per line, each once; empty for nothing."""
    if len(columns) == 1 and not _has_several(columns[0], separator):
        return columns[0]
    rows = zip(*columns, strict=True)
    joined = ["\n".join(dict.fromkeys(name for cell in row for name in split_cell(cell, separator))) for row in rows]
    return pd.Series(joined, index=columns[0].index, dtype="str")


def image_lines(cells: pd.Series, separator: str | None) -> np.ndarray:
    """Return the images of a column of any type, whose cells may be lists or arrays, one per line; empty for none."""
    present = cells.astype(object).where(cells.notna(), None)
    texts = [cell_text(list(cell) if isinstance(cell, np.ndarray | tuple) else cell) for cell in present]
    return join_cells([pd.Series(texts, dtype="str")], separator).to_numpy()


def split_cell(cell: str, separator: str | None) -> list[str]:
    """Return what a cell names, without blanks around each."""
    listed = cell.split(LIST_MARK) if cell.startswith(LIST_MARK) else _json_list(cell)
    if listed is None:
        listed = cell.split(separator) if separator is not None else [cell]
    return [name.strip() for part in listed for name in part.splitlines() if name.strip()]


def _has_several(cells: pd.Series, separator: str | None) -> bool:
    signs = [LIST_MARK, "\n", "\r", *([] if separator is None else [separator])]
    looks_like_list = cells.str.startswith(("[", " ")).any()
    return bool(looks_like_list) or any(cells.str.contains(sign, regex=False).any() for sign in signs)


def _json_list(cell: str) -> list[str] | None:
    """Return the texts of a JSON list, as some shops export columns; None if the cell is no such list."""
    if not cell.strip().startswith("["):
        return None
    try:
        found = json.loads(cell, parse_int=str)
    except (ValueError, RecursionError):
        return None
    return cell_text(found).split(LIST_MARK) if is_flat(found) else None

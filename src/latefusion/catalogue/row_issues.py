"""Rows that can be kept or dropped by a policy of the config: missing titles, repeated ids, and rare labels.

Row issues are a table with a row for each, indexed by location; columns: `id`, `reason` and `action` (`kept`,
`dropped`, or `changed`: see `label_choices`). `steps.prepare` writes it to row_issues.csv.
"""

import logging

import numpy as np
import pandas as pd

from latefusion.catalogue.checks import is_blank, refuse

logger = logging.getLogger(__name__)

COLUMNS = ["id", "reason", "action"]
NONE = pd.DataFrame(columns=COLUMNS, dtype="str").rename_axis("location")


def handle_repeated_ids(
    rows: pd.DataFrame,
    repeated_ids: str,
    otherwise: str = "set catalogue.repeated_ids to drop (keep the first row of each)",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Apply `catalogue.repeated_ids` to the rows of one table; return those that are left, and the row issues.

    `error` raises InputError, which advises to give each row an id or to do `otherwise`; `drop` keeps the first row of
    each id.
    """
    repeated = rows["id"].duplicated() & ~is_blank(rows["id"])
    if not repeated.any():
        return rows, NONE
    if repeated_ids == "error":
        all_of_them = rows["id"][rows["id"].duplicated(keep=False) & ~is_blank(rows["id"])]
        advice = f"Give every row its own id, or {otherwise}."
        refuse("id " + all_of_them.sort_values(kind="stable"), "Duplicate ids:", advice)
    first = rows.index.to_series().groupby(rows["id"].to_numpy()).transform("first")
    equal = (rows[repeated].to_numpy() == rows.loc[first[repeated]].to_numpy()).all(axis=1)
    reason = np.where(equal, "repeated id, equal to ", "repeated id, differs from ") + first[repeated]
    logger.warning(
        "repeated ids: %d rows dropped, of which %d differ from the first row of their id, which is kept",
        repeated.sum(), (~equal).sum(),
    )  # fmt: skip
    return rows[~repeated], to_issues(rows["id"][repeated], reason, "dropped")


def handle_missing_titles(rows: pd.DataFrame, missing_titles: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Apply `catalogue.missing_titles` to products without a title; return those that are left, and the row issues.

    `error` raises InputError, `keep` keeps them with an empty title, `drop` removes them. Products to be predicted are
    kept with `drop` too, because a submission needs every row.
    """
    untitled = is_blank(rows["title"])
    if not untitled.any():
        return rows, NONE
    if missing_titles == "error":
        advice = (
            "Every product needs one: write a title or remove the row. Or set catalogue.missing_titles to keep (use"
            " these products with an empty title) or drop (remove these products)."
        )
        refuse("id " + rows["id"][untitled], "Products without a title:", advice)
    dropped = untitled & (rows["split"] != "submit") if missing_titles == "drop" else untitled & False
    kept = untitled & ~dropped
    logger.warning("missing titles: %d products dropped, %d kept without title", dropped.sum(), kept.sum())
    action = dropped[untitled].map({True: "dropped", False: "kept"})
    issues = to_issues(rows["id"][untitled], "no title", action)
    return rows.assign(title=rows["title"].mask(untitled, ""))[~dropped], issues


def to_issues(ids: pd.Series, reason: pd.Series | str, action: pd.Series | str) -> pd.DataFrame:
    """Return row issues of products, indexed by location."""
    return pd.DataFrame({"id": ids, "reason": reason, "action": action}, dtype="str").rename_axis("location")

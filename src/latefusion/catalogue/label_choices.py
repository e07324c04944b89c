"""Apply a person's choices about labels, which `report.html` exports (`catalogue.label_choices`).

The file has a row per product: `id`, `action` and, for `change`, the new `label` (of several labels, one per line or
with `catalogue.label_separator`). `keep`: the label is right, so denoising must not remove the product. `change`: the
product gets this label, which another product must have: a misspelt label would be a new class. `remove`: the product
is left out. Products to be predicted have no label to choose.

The choices are applied each time a catalogue is read; its own tables stay as they are.
"""

import logging

import pandas as pd

from latefusion.catalogue.checks import check_ids, is_blank, refuse
from latefusion.catalogue.reading import find_file, read_rows
from latefusion.catalogue.row_issues import COLUMNS
from latefusion.config import CatalogueConfig
from latefusion.utils.errors import InputError
from latefusion.utils.nearest import did_you_mean

logger = logging.getLogger(__name__)

ACTIONS = ("keep", "change", "remove")


def apply_label_choices(
    products: pd.DataFrame, dropped: pd.Index, catalogue: CatalogueConfig
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the products after the choices, and the row issues of what changed.

    `products` is the canonical table; `dropped` are the ids of rows that are left out already, whose choices have no
    effect. Raises InputError, with the line of each problem, if a choice cannot be applied.
    """
    choices = read_label_choices(catalogue)
    _check(choices, products, dropped, catalogue)
    choices = choices.assign(location=choices.index).set_index("id")
    present = choices[choices.index.isin(products.index)]
    changes = present[present["action"] == "change"]
    before = products.loc[changes.index, "label"]
    changes = changes[changes["label"] != before]
    removed = present[present["action"] == "remove"]
    changed = products.assign(label=products["label"].mask(products.index.isin(changes.index)))
    changed["label"] = changed["label"].fillna(changes["label"]).astype("str")
    logger.info(
        "label choices: %d labels changed, %d products removed, %d labels confirmed",
        len(changes), len(removed), (present["action"] == "keep").sum(),
    )  # fmt: skip
    reasons = "label changed, by " + changes["location"] + ": '" + before[changes.index].str.replace("\n", ", ")
    reasons += "' to '" + changes["label"].str.replace("\n", ", ") + "'"
    issues = pd.concat(
        [
            _issues(products, removed.index, "removed by choice, " + removed["location"], "dropped"),
            _issues(products, changes.index, reasons, "changed"),
        ]
    )
    return changed.drop(index=removed.index), issues


def read_label_choices(catalogue: CatalogueConfig) -> pd.DataFrame:
    """Return the rows of the file (`id`, `action`, `label`), indexed by location; labels of several one per line.

    No rows if the config names no file.
    """
    if catalogue.label_choices is None:
        return pd.DataFrame({"id": [], "action": [], "label": []}, dtype="str").rename_axis("location")
    path = find_file(catalogue.root, catalogue.label_choices)
    rows = read_rows(path, quoted=True)
    if missing := [name for name in ("id", "action") if name not in rows]:
        found = ", ".join(f"'{name}'" for name in rows)
        raise InputError(f"{path}: no column '{missing[0]}': it needs id, action and label; columns found: {found}")
    labels = rows["label"] if "label" in rows else pd.Series("", rows.index, dtype="str")
    return pd.DataFrame(
        {
            "id": rows["id"],
            "action": rows["action"].str.strip(),
            "label": labels.map(lambda cell: _tidy(cell, catalogue)).astype("str"),
        }
    )


def _tidy(cell: str, catalogue: CatalogueConfig) -> str:
    if catalogue.labels == "one":
        return cell.strip()
    if catalogue.label_separator is not None:
        cell = cell.replace(catalogue.label_separator, "\n")
    return "\n".join(dict.fromkeys(filter(None, map(str.strip, cell.splitlines()))))


def _check(rows: pd.DataFrame, products: pd.DataFrame, dropped: pd.Index, catalogue: CatalogueConfig) -> None:
    check_ids(rows)
    unknown = rows[~rows["action"].isin(ACTIONS)]
    of_id = " of id " + rows["id"]
    refuse(
        "action '" + unknown["action"] + "'" + of_id[unknown.index],
        "Unknown actions in the label choices:",
        f"Write one of {', '.join(ACTIONS)}.",
    )
    unknown = rows[~rows["id"].isin(products.index) & ~rows["id"].isin(dropped)]
    refuse(
        "id " + unknown["id"],
        "Label choices for products that are not in the catalogue:",
        "Remove these rows. Is it the file of another catalogue?",
    )
    without = rows["id"].map(products["label"]).isna() & rows["id"].isin(products.index)
    refuse(
        "id " + rows["id"][without],
        "Label choices for products without a label:",
        "These products are to be predicted: remove the rows.",
    )
    changes, blank = rows["action"] == "change", is_blank(rows["label"])
    refuse("id " + rows["id"][changes & blank], "Changes without a label:", "Write the new label.")
    needless = rows[~changes & ~blank]
    refuse(
        "action '" + needless["action"] + "'" + of_id[needless.index] + " has '" + needless["label"] + "'",
        "Labels that have no effect in the label choices:",
        "Only the action change needs a label: correct the action, or empty the cell.",
    )
    _check_labels(rows[changes], products["label"].dropna(), several=catalogue.labels == "several")


def _check_labels(changes: pd.DataFrame, labels: pd.Series, *, several: bool) -> None:
    """Raise InputError for new labels that no product has."""
    known = set(labels.str.split("\n").explode() if several else labels)
    new = changes["label"].str.split("\n").explode() if several else changes["label"]
    unknown = new[~new.isin(known)]
    refuse(
        unknown.map(lambda label: f"'{label}'{did_you_mean(label, sorted(known))}"),
        "Label choices that no product has as a label:",
        "Correct the spelling. For a new class, give a product this label in the catalogue itself.",
    )


def _issues(products: pd.DataFrame, ids: pd.Index, reason: pd.Series | str, action: str) -> pd.DataFrame:
    """Return row issues of products, indexed by their location in the catalogue's tables."""
    table = pd.DataFrame({"location": products.loc[ids, "location"], "reason": reason, "action": action}, index=ids)
    return table.reset_index().set_index("location")[COLUMNS].astype("str")

"""The report on a catalogue, before anything is trained: its classes, what is missing, and what to look at.

It is written to `catalogue/report.md`, and its lines are logged. Readers are the owners of the products.
"""

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from latefusion.catalogue.list_cells import split_cell
from latefusion.catalogue.ordering import describe_dates, read_dates
from latefusion.utils.labels import each_label, label_sets

Section = tuple[str, list[str]]  # a headline and its lines

SHOWN = 10  # names in one line
FEW = 3  # products of a class, below which it can hardly be learnt
FEW_LISTS = 0.1  # share of labels that look like lists
MOST = 0.5  # share of labels with a separator, above which they look like paths or lists; also of cells with the label
SPLITS = {"train": "train", "valid": "valid", "test": "test", "submit": "to predict"}
PATHS = (">>", " > ", "/")
LISTS = ("|", ";")
NONE_LEFT_OUT = pd.Series(dtype=np.int64)


def describe_catalogue(
    products: pd.DataFrame,
    *,
    issues: pd.DataFrame,
    bad_images: pd.DataFrame,
    others: pd.DataFrame,
    left_out: pd.Series = NONE_LEFT_OUT,
    several: bool = False,
) -> list[Section]:
    """Return the sections of the report that have lines.

    `products` with their split (see `steps.prepare`), `issues` and `others` of `canonical.Reading`, `bad_images` of
    `images.inspection.Inspection`, `left_out` of `labels.Kept`; `several`: whether products have several labels.
    """
    others = others.loc[others.index.isin(products.index)]
    labels = each_label(products["label"], several=several)
    of_classes = _describe_classes(labels) + _describe_left_out(left_out)
    sections = {
        "Products": _describe_products(products, issues, bad_images),
        "Classes": of_classes + _describe_several(labels) if several else of_classes,
        "Missing texts and images": _describe_missing(products),
        "Columns that are not used": _describe_unused(
            others, label_sets(products["label"].dropna(), several=several), labels
        ),
        "Please check": [*_describe_labels(labels, several=several), *describe_dates(others)],
    }
    return [(headline, lines) for headline, lines in sections.items() if lines]


def to_markdown(title: str, sections: list[Section]) -> str:
    """Return the report as text."""
    blocks = ["\n".join([f"## {headline}", "", *(f"- {line}" for line in lines)]) for headline, lines in sections]
    return "\n\n".join([f"# {title}", *blocks]) + "\n"


def _describe_products(products: pd.DataFrame, issues: pd.DataFrame, bad_images: pd.DataFrame) -> list[str]:
    sizes = products["split"].value_counts()
    shown = ", ".join(f"{sizes[split]:,} {name}" for split, name in SPLITS.items() if split in sizes)
    lines = [f"{len(products):,} products: {shown}"]
    for action, reasons in issues.groupby("action")["reason"]:
        kinds = reasons.str.partition(",")[0].value_counts()
        counts = ", ".join(f"{kind} {count:,}" for kind, count in kinds.items())
        lines.append(f"{len(reasons):,} rows {action} ({counts}): see row_issues.csv")
    if len(bad_images):
        lines.append(f"{len(bad_images):,} images that cannot be used: see image_issues.csv")
    return lines


def _describe_classes(labels: pd.Series) -> list[str]:
    if labels.empty:
        return []
    sizes = labels.value_counts(sort=False).sort_index().sort_values(ascending=False, kind="stable")
    counts = [f"'{label}' {size:,}" for label, size in sizes.items()]
    extent = f"with {sizes.min():,} to {sizes.max():,} products"
    lines = [f"{len(sizes):,} classes, {extent}; half of them have {sizes.median():,.0f} or more"]
    if len(sizes) <= SHOWN:
        lines.append(f"sizes: {', '.join(counts)}")
    else:
        lines += [f"largest: {', '.join(counts[:5])}", f"smallest: {', '.join(counts[:-6:-1])}"]
    if few := [label for label, size in sizes.items() if size < FEW]:
        what = "1 class has" if len(few) == 1 else f"{len(few):,} classes have"
        advice = "too few to learn from, and to measure: add products, or join such classes"
        lines.append(f"{what} fewer than {FEW} products ({_enumerate(few)}): {advice}")
    return lines


def _describe_left_out(left_out: pd.Series) -> list[str]:
    """Return a line for labels of fewer products than `catalogue.min_products`, with their numbers of products."""
    if left_out.empty:
        return []
    sizes = left_out.sort_values(ascending=False, kind="stable")
    shown = ", ".join(f"'{label}' {size:,}" for label, size in sizes.items())
    return [f"{len(sizes):,} labels of too few products are left out (catalogue.min_products): {shown}"]


def _describe_several(labels: pd.Series) -> list[str]:
    """Return a line on the numbers of labels of the products (index), and one on labels that imply another."""
    counts = labels.index.value_counts()
    most = f"the most are {counts.max()}, of id {counts.idxmax()}"
    lines = [f"{counts.mean():.2f} labels per product on average; {most}"]
    if nested := _find_nested(labels):
        pairs = ", ".join(f"'{label}' with '{other}' ({size:,})" for label, other, size in nested[:SHOWN])
        more = f" and {len(nested) - SHOWN:,} more" if len(nested) > SHOWN else ""
        lines.append(f"{len(nested):,} labels never occur without another (products): {pairs}{more}")
    return lines


def _find_nested(labels: pd.Series) -> list[tuple[str, str, int]]:
    """Return each label that never occurs without another one, with the rarest of these, by number of products.

    Labels of fewer than `FEW` products are left out: by chance they may only occur beside another.
    """
    (rows, products), (columns, classes) = pd.factorize(labels.index), pd.factorize(labels, sort=True)
    has = csr_array((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=(len(products), len(classes)))
    sizes, together = has.sum(axis=0), (has.T @ has).tocoo()
    label, other = together.coords
    found = (together.data == sizes[label]) & (label != other) & (sizes[label] >= FEW)
    pairs = pd.DataFrame({"label": label[found], "other": other[found], "size": sizes[label[found]]})
    pairs = pairs.assign(rarest=sizes[pairs["other"]]).sort_values(["rarest", "other"]).drop_duplicates("label")
    pairs = pairs.sort_values(["size", "label"], ascending=[False, True])
    return [(classes[row.label], classes[row.other], row.size) for row in pairs.itertuples()]


def _describe_missing(products: pd.DataFrame) -> list[str]:
    lines = []
    for split, name in SPLITS.items():
        held = products[products["split"] == split]
        missing = {
            "title": held["title"] == "",
            "description": held["description"].isna(),
            "image": held["image"].isna(),
        }
        counts = ", ".join(f"{_count(cells)} without {what}" for what, cells in missing.items())
        nothing = pd.DataFrame(missing).all(axis=1).sum()
        if len(held):
            lines.append(f"{name}: {counts}" + f"; {nothing:,} without any of these" * bool(nothing))
    return lines


def _count(cells: pd.Series) -> str:
    return "all" if cells.all() else f"{cells.sum():,}" if cells.any() else "none"


def _describe_unused(others: pd.DataFrame, of_products: pd.Series, labels: pd.Series) -> list[str]:
    """Return a line for the columns that could be of use, and one for those that hold the label.

    `of_products`: the labels of each product; `labels`: each of them.
    """
    telling = [name for name in others if _tells_label(others[name], of_products, labels)]
    rest = [name for name in others if name not in telling]
    texts = [name for name in rest if _has_words(others[name])]
    lines = [_enumerate(rest)] if rest else []
    if texts:
        key = f"catalogue.columns.description: [description, {texts[0]}]"
        lines[0] += f"; words of a column can be added to the description, such as {key}"
    if telling:
        lines.append(f"{_enumerate(telling)}: the label in other words; never add these, a new product has none")
    return lines


def _has_words(cells: pd.Series) -> bool:
    return bool(cells.str.contains(r"[^\W\d_]").mean() > MOST) and read_dates(cells) is None


def _tells_label(cells: pd.Series, of_products: pd.Series, labels: pd.Series) -> bool:
    """Return whether a column holds the labels, or one of several, in most cells or by another name for each."""
    cells = cells[cells.str.strip() != ""].str.casefold()
    both = pd.DataFrame({"cell": cells, "label": of_products.str.casefold()}).dropna()
    if both.empty:
        return False
    pairs = both.drop_duplicates()
    if 1 < len(pairs) == both["label"].nunique() == both["cell"].nunique() < len(both):
        return True
    each = pd.DataFrame({"label": labels.str.casefold()}).join(cells.rename("cell"), how="inner").dropna()
    inside = [len(label) > 2 and label in cell for cell, label in zip(each["cell"], each["label"], strict=True)]
    return bool(pd.Series(inside, each.index).groupby(level=0).any().sum() > MOST * len(both))


def _describe_labels(labels: pd.Series, *, several: bool) -> list[str]:
    """Return a line if labels look like paths of a hierarchy, and a line if they look like lists of labels."""
    lines = _describe_lists(labels)
    for separator in [*PATHS, *LISTS]:
        with_it = labels[labels.str.contains(separator, regex=False)]
        if len(with_it) <= MOST * len(labels):
            continue
        example, n_classes = f"such as '{with_it.iloc[0]}'", labels.nunique()
        if separator in LISTS:
            keys = [*([] if several else ["catalogue.labels: several"]), f'catalogue.label_separator: "{separator}"']
            lines.append(f"most labels hold a '{separator}', {example}, {_lists(n_classes)}; set {' and '.join(keys)}")
        else:
            top = labels.str.split(separator, regex=False).str[0].str.strip().nunique()
            what = f"most labels hold a '{separator.strip()}', {example}, and may be paths of a hierarchy"
            lines.append(f"{what}: each whole path is a class ({n_classes:,}); the first levels alone would be {top:,}")
            break  # `a >> b / c` is one hierarchy
    return lines


def _describe_lists(labels: pd.Series) -> list[str]:
    """Return a line if labels look like lists that need no separator (never so of several), or like broken ones."""
    several = labels[[len(split_cell(label, None)) > 1 for label in labels]]
    if len(several) > FEW_LISTS * len(labels):
        example = f"such as {several.iloc[0]!r}"
        lists = f"{len(several):,} labels hold lines or JSON lists, {example}, {_lists(labels.nunique())}"
        return [f"{lists}; set catalogue.labels: several"]
    broken = labels[labels.str.startswith("[") & labels.str.endswith("]")]
    if len(broken) > FEW_LISTS * len(labels):
        advice = 'write lists as ["a", "b"], and set catalogue.labels: several'
        return [f"{len(broken):,} labels look like lists, but are no JSON, such as '{broken.iloc[0]}': {advice}"]
    return []


def _lists(n_classes: int) -> str:
    return f"and may be lists of several labels: each different list is a class of its own ({n_classes:,})"


def _enumerate(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:SHOWN]) + more

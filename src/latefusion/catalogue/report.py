"""The report on a catalogue, before anything is trained: its classes, what is missing, and what to look at.

It is written to `catalogue/report.md`, and its lines are logged. Readers are the owners of the products.
"""

import pandas as pd

from latefusion.catalogue.ordering import describe_dates, read_dates

Section = tuple[str, list[str]]  # a headline and its lines

SHOWN = 10  # names in one line
FEW = 3  # products of a class, below which it can hardly be learnt
MOST = 0.5  # share of labels with a separator, above which they look like paths or lists; also of cells with the label
SPLITS = {"train": "train", "valid": "valid", "test": "test", "submit": "to predict"}
PATHS = (">>", " > ", "/")
LISTS = ("|", ";")


def describe_catalogue(
    products: pd.DataFrame, *, issues: pd.DataFrame, bad_images: pd.DataFrame, others: pd.DataFrame
) -> list[Section]:
    """Return the sections of the report that have lines.

    `products` with their split (see `steps.prepare`), `issues` and `others` of `canonical.Reading`, `bad_images` of
    `images.inspection.Inspection`.
    """
    others = others.loc[others.index.isin(products.index)]
    sections = {
        "Products": _describe_products(products, issues, bad_images),
        "Classes": _describe_classes(products["label"].dropna()),
        "Missing texts and images": _describe_missing(products),
        "Columns that are not used": _describe_unused(others, products["label"].dropna()),
        "Please check": [*_describe_labels(products["label"].dropna()), *describe_dates(others)],
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


def _describe_unused(others: pd.DataFrame, labels: pd.Series) -> list[str]:
    """Return a line for the columns that could be of use, and one for those that hold the label."""
    telling = [name for name in others if _tells_label(others[name], labels)]
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


def _tells_label(cells: pd.Series, labels: pd.Series) -> bool:
    """Return whether a column holds the labels, in most cells or by another name for each."""
    both = pd.DataFrame({"cell": cells.str.casefold(), "label": labels.str.casefold()}).dropna()
    both = both[both["cell"].str.strip() != ""]
    if both.empty:
        return False
    pairs = both.drop_duplicates()
    if 1 < len(pairs) == both["label"].nunique() == both["cell"].nunique() < len(both):
        return True
    inside = [label in cell for cell, label in zip(both["cell"], both["label"], strict=True) if len(label) > 2]
    return sum(inside) > MOST * len(both)


def _describe_labels(labels: pd.Series) -> list[str]:
    """Return a line if labels look like paths of a hierarchy, and a line if they look like lists of labels."""
    lines = []
    for separator in [*PATHS, *LISTS]:
        with_it = labels[labels.str.contains(separator, regex=False)]
        if len(with_it) <= MOST * len(labels):
            continue
        example, n_classes = f"such as '{with_it.iloc[0]}'", labels.nunique()
        if separator in LISTS:
            what = f"most labels hold a '{separator}', {example}, and may be lists of several labels"
            lines.append(f"{what}: each different list is a class of its own ({n_classes:,}); keep one label a product")
        else:
            top = labels.str.split(separator, regex=False).str[0].str.strip().nunique()
            what = f"most labels hold a '{separator.strip()}', {example}, and may be paths of a hierarchy"
            lines.append(f"{what}: each whole path is a class ({n_classes:,}); the first levels alone would be {top:,}")
            break  # `a >> b / c` is one hierarchy
    return lines


def _enumerate(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:SHOWN]) + more

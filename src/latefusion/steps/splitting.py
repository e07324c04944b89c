"""Split a catalogue into train, valid, test and folds, by the labels as they were before a person's choices.

A few corrected labels must not draw another split: scores before and after would be those of different test products,
and products that a person has looked at would be among them. So all is drawn as without `catalogue.label_choices`;
products that are removed then leave their split, and those whose label is changed stay in it.
"""

import logging
from pathlib import Path

import pandas as pd

from latefusion.config import Experiment, Split
from latefusion.dataset.duplicate_report import describe_near_duplicates, report_duplicates
from latefusion.dataset.duplicates import find_duplicates
from latefusion.dataset.split import assign_held_out_folds, keep_classes_in_train, lacks_valid, split_products
from latefusion.utils.files import write_json
from latefusion.utils.labels import each_label, without_labels
from latefusion.utils.nearest import plural

logger = logging.getLogger(__name__)


def split_catalogue(
    products: pd.DataFrame,
    before: pd.DataFrame,
    hashes: pd.Series,
    times: pd.Series | None,
    experiment: Experiment,
    run_dir: Path,
) -> tuple[pd.DataFrame, str]:
    """Return the products with `split`, `group` and `fold`, and a line about twins in train; write the numbers.

    `before`: the products before the choices, with their labels then; `products` itself if there are no choices.
    `hashes` and `times` (index: id) are of both.
    """
    split, several = experiment.split, experiment.several
    if split.n_folds is None and lacks_valid(before["split"]):
        logger.info("the split column has no valid products: taking %g of train", split.valid_fraction)
    duplicates = find_duplicates(before["title"], hashes.reindex(before.index), split.hash_distance)
    groups = pd.Series(duplicates.groups, before.index)
    splits = {
        "stratified": split_products(before, split, times=times, several=several),
        "grouped": split_products(before, split, groups, times, several=several),
    }
    used = "grouped" if split.grouped else "stratified"
    drawn = before.assign(split=splits[used], group=groups)
    if split.n_folds is not None:
        drawn["fold"] = assign_held_out_folds(drawn, split, several=several)
    if products is not before:
        drawn = _after_choices(products, drawn, hashes, split, several=several)
        duplicates = find_duplicates(products["title"], hashes.reindex(products.index), split.hash_distance)
        splits = {name: of.reindex(products.index).fillna("train") for name, of in splits.items()}
        splits[used] = drawn["split"]
    report = report_duplicates(duplicates, products["label"], splits, several=several)
    write_json(run_dir / "duplicates.json", {"hash_distance": split.hash_distance, "split": used} | report)
    if split.by != "random":
        _warn_of_late_classes(drawn, times, several=several)
    return drawn.drop(columns="location"), describe_near_duplicates(report, used)


def _after_choices(
    products: pd.DataFrame, drawn: pd.DataFrame, hashes: pd.Series, split: Split, *, several: bool
) -> pd.DataFrame:
    """Return the products after the choices, with what was drawn for them by their labels before.

    If a label was changed, `label_before` has the labels before, of those that are still classes: policies' folds are
    drawn by them. Products of a label that only now enough products have (`catalogue.min_products`) are trained on.
    """
    own = ["split", "group", *(["fold"] if "fold" in drawn else [])]
    late = products.index.difference(drawn.index, sort=False)
    if len(late):
        drawn = pd.concat([drawn, _place(products.loc[late], drawn, hashes, split)])
    drawn = drawn.loc[products.index]
    result = products.assign(**drawn[own])
    if "fold" in own:  # a label of few products may have lost one
        is_train = result["split"] == "train"
        train = result[is_train]
        result["fold"] = keep_classes_in_train(train["fold"], train, split, several=several).reindex(result.index)
    if not drawn["label"].equals(products["label"]):
        left = each_label(products["label"], several=several).unique()
        gone = set(each_label(drawn["label"], several=several)) - set(left)
        labels = without_labels(drawn["label"], gone, several=several)
        result["label_before"] = labels.fillna(products["label"])
    return result


def _place(late: pd.DataFrame, drawn: pd.DataFrame, hashes: pd.Series, split: Split) -> pd.DataFrame:
    """Return products that were not drawn with `split`, `group` and `fold`: `train`, in every fold, if none is theirs.

    If the split is grouped, they join a labelled near-duplicate.
    """
    both = pd.concat([drawn, late])
    near = find_duplicates(both["title"], hashes.reindex(both.index), split.hash_distance).groups
    near = pd.Series(near, both.index)
    labelled = drawn[drawn["label"].notna()]
    first = labelled.assign(near=near[labelled.index]).drop_duplicates("near").set_index("near")
    first = first.reindex(near[late.index]).set_axis(late.index)
    assigned = late["split"].replace("valid", "train") if split.n_folds is not None else late["split"]
    joins = first["group"].notna() & assigned.isna() & split.grouped
    placed = late.assign(
        split=assigned.where(~joins, first["split"]).fillna("train"),
        group=first["group"].fillna(drawn["group"].max() + 1 + near[late.index]).astype(drawn["group"].dtype),
    )
    return placed.assign(fold=first["fold"].where(joins)) if "fold" in drawn else placed


def _warn_of_late_classes(products: pd.DataFrame, times: pd.Series | None, *, several: bool) -> None:
    """Log the classes that are held out and of which only the oldest product, or its group, is trained on."""
    held_out = products["split"].isin(["valid", "test"])
    order = pd.Series(range(len(products)), products.index) if times is None else times.reindex(products.index)
    is_new = order >= order[held_out].min()
    each = pd.DataFrame({"label": each_label(products["label"], several=several)})
    classes = each.join(pd.DataFrame({"new": is_new, "held_out": held_out})).groupby("label")
    late = list((classes["new"].all() & classes["held_out"].any()).loc[lambda found: found].index)
    if late:
        shown = ", ".join(f"'{label}'" for label in late[:10]) + (f" and {len(late) - 10} more" if late[10:] else "")
        logger.warning(
            "%s held out with no product before: %s; the oldest of each is trained on, so they can be predicted",
            plural(len(late), "class is", "classes are"), shown,
        )  # fmt: skip

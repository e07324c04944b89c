"""Prepare a catalogue, once for all experts: read it, check its images, find near-duplicates, split it.

Writes to `weights/<experiment>/catalogue/`:
- `products.parquet`: index `id`; columns title, description, image, label, split, and group (near-duplicates have the
  same group number); with `split.n_folds` also fold, the fold that holds out a train product; with
  `catalogue.images_per_product: mean` also more_images, the paths of a product's further images, one per line;
- `classes.json`: the class codes in the order that all tables use;
- `left_out.json`: labels that are no classes, because too few products have them (`catalogue.min_products`);
- `contents.json`: hashes of what jobs read of the catalogue;
- `report.md`: classes, missing texts and images, columns that are not used, and what to check, in plain words;
- `row_issues.csv`: the rows that were dropped, kept without a title, or given another label, and why;
- `label_choices.parquet`: with `catalogue.label_choices`, a person's choices about labels, which are applied;
- `image_issues.csv`: the products whose image cannot be used, and why;
- `images.parquet`: the state of every image file that a product names, so that files that are replaced, added or
  removed later are noticed; index: path; columns: bytes (-1: no such file), mtime_ns, blake2b;
- `duplicates.json`: the number of near-duplicates, and of products with a near-duplicate in train.
"""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.catalogue import (
    LAYOUTS,
    class_order,
    describe_catalogue,
    find_images,
    leave_out_rare,
    read_label_choices,
    read_test_labels,
    read_with_issues,
    table_files,
    to_markdown,
)
from latefusion.catalogue.ordering import read_times
from latefusion.catalogue.reading import find_file
from latefusion.config import CatalogueConfig, Experiment
from latefusion.dataset.duplicate_report import describe_near_duplicates, report_duplicates
from latefusion.dataset.duplicates import find_duplicates
from latefusion.dataset.split import assign_held_out_folds, lacks_valid, split_products
from latefusion.images.cache import cached_images
from latefusion.images.fetched import refuse_unfetched
from latefusion.images.files import refuse_absent_images
from latefusion.images.inspection import Inspection, handle_bad_images, inspect_first_images, inspect_images
from latefusion.images.several import MORE, all_paths, count_images, list_images, use_images
from latefusion.plan.jobs import Job
from latefusion.plan.planning import Selection, plan
from latefusion.plan.records import digest
from latefusion.plan.runner import run_jobs
from latefusion.steps.scripts import SCRIPTS
from latefusion.tables import label_choices
from latefusion.tables.checks import check_trainable, image_readers
from latefusion.tables.dataset import Dataset
from latefusion.utils.errors import InputError, list_problems
from latefusion.utils.files import atomic_write, write_json, write_text
from latefusion.utils.labels import each_label
from latefusion.utils.nearest import plural

logger = logging.getLogger(__name__)


def prepare(experiment: Experiment, selection: Selection) -> None:
    """Run the catalogue's job if it is not done."""
    _require_tables(experiment.catalogue)
    jobs, script = plan(experiment), SCRIPTS["prepare"]
    run_jobs(jobs, "prepare", lambda job: _prepare(experiment, job), selection, script=script)


def _require_tables(catalogue: CatalogueConfig) -> None:
    """Raise InputError if no table is there: a misspelt path must not cost the catalogue that is prepared already."""
    names = [str(path.relative_to(catalogue.root)) for path in table_files(catalogue)]
    if not any((catalogue.root / name).is_file() for name in names):
        find_file(catalogue.root, names[0], "catalogue.products" if catalogue.format == "table" else None)


def _prepare(experiment: Experiment, job: Job) -> None:
    """Read, check and split the catalogue, and write it to the job's run folder."""
    catalogue = experiment.catalogue
    products, issues, others = read_with_issues(catalogue)
    _write_issues(issues, job.run_dir)
    images = find_images(catalogue, list_images(products["image"]))
    keep_all = catalogue.images_per_product == "mean"
    refuse_unfetched(catalogue.root, images, "", every=keep_all)
    _require_images(images, products["split"], experiment)
    inspection = _inspect(images, experiment, job.run_dir)
    products, lacking = use_images(products, images, inspection.bad, keep_all=keep_all)
    _log_several(images, inspection.bad, lacking, keep_all=keep_all)
    products = handle_bad_images(products, lacking, catalogue.bad_images)
    products, rare, left_out = leave_out_rare(products, catalogue)
    _write_issues(issues := pd.concat([issues, rare]), job.run_dir)
    times = _times(products, others, experiment)
    hashes = inspection.hashes.groupby(level=0).first().reindex(products.index)
    products, twins = _split(products, hashes, times, experiment, job.run_dir)
    labels, several = each_label(products["label"], several=experiment.several), experiment.several
    classes = class_order(labels)
    unused = others.drop(columns=experiment.catalogue.columns.time) if times is not None else others
    report = describe_catalogue(
        products, issues=issues, bad_images=inspection.bad, others=unused, left_out=left_out, several=several
    )
    _report(experiment, job.run_dir, report)
    _check_split(products, labels, classes, experiment.split.n_folds)
    check_trainable(Dataset(products, classes, experiment.split, several), experiment)
    read_test_labels(catalogue, products, left_out.index)  # raises errors in this file now, not after training
    with atomic_write(job.run_dir / "products.parquet") as partial:
        products.to_parquet(partial)
    write_json(job.run_dir / "classes.json", classes)
    write_json(job.run_dir / "left_out.json", left_out.index.to_list())
    contents = _contents(products, classes, experiment, inspection.files)
    write_json(job.run_dir / "contents.json", contents | _keep_choices(catalogue, job.run_dir))
    if image_readers(experiment):
        cached_images(experiment, products)
    logger.info("duplicates: %s", twins)
    logger.info("%d products, %d classes; %s", len(products), len(classes), products["split"].value_counts().to_dict())
    if "fold" in products:
        logger.info("%s", _describe_folds(products))


def _write_issues(issues: pd.DataFrame, run_dir: Path) -> None:
    with atomic_write(run_dir / "row_issues.csv") as partial:
        issues.to_csv(partial)


def _report(experiment: Experiment, run_dir: Path, sections: list[tuple[str, list[str]]]) -> None:
    """Log and write the report on the catalogue."""
    write_text(run_dir / "report.md", to_markdown(f"The catalogue of {experiment.name}", sections))
    for headline, lines in sections:
        for line in lines:
            logger.info("%s: %s", headline.lower(), line)
    logger.info("the report on the catalogue: %s", run_dir / "report.md")


def _describe_folds(products: pd.DataFrame) -> str:
    sizes = products["fold"].value_counts().sort_index().tolist()
    never = int((products["split"] == "train").sum()) - sum(sizes)
    always = f"; {never} products, of classes that are in too few folds, are trained on in every fold" if never else ""
    return f"{len(sizes)} folds of {', '.join(map(str, sizes))} products{always}"


def _contents(
    products: pd.DataFrame, classes: list[str], experiment: Experiment, files: pd.DataFrame
) -> dict[str, str]:
    """Return hashes of what jobs read of a catalogue, by which the planner finds out whether it has changed."""
    split = experiment.split
    # What only changes the products' splits and folds is in their table. Whether folds are nested changes no fold.
    unread = (
        {"by", "nested"}
        | (set() if split.grouped else {"hash_distance"})
        | ({"valid_fraction"} if split.n_folds else set())
    )
    settings = split.model_dump(mode="json", exclude=unread) | ({"labels": "several"} if experiment.several else {})
    images = ["image", MORE] if split.grouped else ["image", MORE, "group"]  # group depends on images too
    of_products = digest([products.drop(columns=images, errors="ignore").to_csv(na_rep="\0"), classes, settings])
    ids = np.repeat(products.index, count_images(products))
    paths = pd.Series(all_paths(products), index=ids, name="image", dtype="str")
    of_images = paths.map(files["blake2b"])  # of the content, whatever the path
    return {"products": of_products, "images": digest([of_products, of_images.to_csv(na_rep="\0")])}


def _keep_choices(catalogue: CatalogueConfig, run_dir: Path) -> dict[str, str]:
    """Write a person's choices about labels, and return the hash of what denoising reads of them; none without any."""
    choices = read_label_choices(catalogue).set_index("id")
    if choices.empty:
        return {}
    with atomic_write(run_dir / label_choices.NAME) as partial:
        choices.to_parquet(partial)
    confirmed = choices.index[choices["action"] != "remove"]
    return {"confirmed_labels": digest(sorted(confirmed))} if len(confirmed) else {}


def _require_images(images: pd.Series, splits: pd.Series, experiment: Experiment) -> None:
    """Raise InputError, before any image is read, if no image of a split exists.

    Skipped if no expert reads images and the tables name an image for every product, as the challenge's do.
    """
    layout = LAYOUTS[experiment.catalogue.format]
    if image_readers(experiment) or not layout.always_names_images:
        named = pd.DataFrame({"image": images, "split": splits[images.index]})
        refuse_absent_images(experiment.catalogue.root, named, layout.without_images)


def _inspect(images: pd.Series, experiment: Experiment, run_dir: Path) -> Inspection:
    """Check the images that are used; write the list of bad ones and the state of all files."""
    catalogue = experiment.catalogue
    inspect = inspect_first_images if catalogue.images_per_product == "first" else inspect_images
    inspection = inspect(catalogue.root, images)
    with atomic_write(run_dir / "image_issues.csv") as partial:
        inspection.bad.to_csv(partial)
    with atomic_write(run_dir / "images.parquet") as partial:
        inspection.files.to_parquet(partial)
    return inspection


def _times(products: pd.DataFrame, others: pd.DataFrame, experiment: Experiment) -> pd.Series | None:
    """Return the times of the labelled products as numbers, None unless the products are split by time.

    Raises InputError if there is no such column, and for labelled products without a date or number in it.
    """
    if experiment.split.by != "time":
        return None
    name = experiment.catalogue.columns.time
    if name not in others:
        found = f"there are {', '.join(map(str, others))}" if len(others.columns) else "there is no other column"
        raise InputError(f"catalogue.columns.time: the products have no column '{name}' of its own: {found}")
    labelled = products[products["label"].notna()]
    cells = others[name].reindex(labelled.index).fillna("")
    times = read_times(cells)
    bad = labelled["location"] + ": id " + labelled.index + " has '" + cells + "'"
    if problems := bad[times.isna()].to_list():
        advice = (
            "Write dates as 2026-01-31 or 2026-01-31T12:00:00, all in one form, or numbers that grow with time; or use "
            "split.by: order."
        )
        raise list_problems(f"Products without a readable time in the column '{name}':", problems, advice)
    return times


def _log_several(images: pd.Series, bad: pd.DataFrame, lacking: pd.DataFrame, *, keep_all: bool) -> None:
    """Log how many products have several images, and what is made of them."""
    numbers = images.index.value_counts()
    if (several := int((numbers > 1).sum())) == 0:
        return
    what = "experts that read images predict from all" if keep_all else "the first that can be used is read"
    logger.info(
        "%s several images, up to %d: %s (catalogue.images_per_product)",
        plural(several, "product has", "products have"),
        numbers.max(),
        what,
    )
    others = bad[~bad.index.isin(lacking.index)]
    if len(others):
        logger.warning(
            "%s cannot be used, of products that have others, which are used: see image_issues.csv",
            plural(len(others), "image"),
        )


def _split(
    products: pd.DataFrame, hashes: pd.Series, times: pd.Series | None, experiment: Experiment, run_dir: Path
) -> tuple[pd.DataFrame, str]:
    """Return the products with `split` and `group`, and a line about twins in train; write the numbers."""
    split = experiment.split
    if split.n_folds is None and lacks_valid(products["split"]):
        logger.info("the split column has no valid products: taking %g of train", split.valid_fraction)
    duplicates = find_duplicates(products["title"], hashes, split.hash_distance)
    groups = pd.Series(duplicates.groups, products.index)
    splits = {
        "stratified": split_products(products, split, times=times, several=experiment.several),
        "grouped": split_products(products, split, groups, times, several=experiment.several),
    }
    used = "grouped" if split.grouped else "stratified"
    report = report_duplicates(duplicates, products["label"], splits, several=experiment.several)
    write_json(run_dir / "duplicates.json", {"hash_distance": split.hash_distance, "split": used} | report)
    products = products.assign(split=splits[used], group=groups).drop(columns="location")
    if split.by != "random":
        _warn_of_late_classes(products, times, several=experiment.several)
    if split.n_folds is not None:
        products["fold"] = assign_held_out_folds(products, split, several=experiment.several)
    return products, describe_near_duplicates(report, used)


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


def _check_split(products: pd.DataFrame, labels: pd.Series, classes: list[str], n_folds: int | None) -> None:
    """Raise InputError for splits that cannot be used; `labels` are all labels of the products (index: id)."""
    sizes = products["split"].value_counts()
    see = "split.valid_fraction and split.group_duplicates, or the split column"
    for split in ("train",) if "fold" in products else ("train", "valid"):
        if split not in sizes:
            raise InputError(f"the split has no {split} products; see {see}")
    empty = sorted(set(range(n_folds or 0)) - set(products["fold"].dropna())) if "fold" in products else []
    if empty:
        raise InputError(
            f"split.n_folds {n_folds}: fold {empty[0]} holds out no product. Products of classes that are in too few "
            "folds are trained on in every fold, and here most are: lower n_folds, or set nested to false"
        )
    if "test" not in sizes and "submit" not in sizes:
        raise InputError(
            "no products to predict: leave their labels empty, set catalogue.test_products, or set split.test_fraction"
        )
    trained = set(labels[(products["split"] == "train").loc[labels.index]])
    unknown = [code for code in classes if code not in trained]
    if unknown:
        raise InputError(f"no train product has the label {', '.join(unknown)}: move one to train in the split column")
    if len(classes) < 2:
        raise InputError(f"all products have the label {classes[0]}: at least two classes are needed")

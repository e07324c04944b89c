"""Prepare a catalogue, once for all experts: read it, check its images, find near-duplicates, split it.

Writes to `weights/<experiment>/catalogue/`:
- `products.parquet`: index `id`; columns title, description, image, label, split, and group (near-duplicates have the
  same group number); with `split.n_folds` also fold, the fold that holds out a train product; with
  `catalogue.images_per_product: mean` also more_images, the paths of a product's further images, one per line; with
  labels that a person has changed also label_before, by which the folds of policies are drawn;
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
    Reading,
    apply_choices,
    class_order,
    describe_catalogue,
    find_images,
    leave_out_rare,
    read_before_choices,
    read_label_choices,
    read_test_labels,
    table_files,
    to_markdown,
)
from latefusion.catalogue.labels import Kept
from latefusion.catalogue.ordering import read_times
from latefusion.catalogue.reading import find_file
from latefusion.config import CatalogueConfig, Experiment
from latefusion.images.cache import cached_images
from latefusion.images.fetched import refuse_unfetched
from latefusion.images.files import refuse_absent_images
from latefusion.images.inspection import Inspection, handle_bad_images, inspect_first_images, inspect_images
from latefusion.images.several import MORE, all_paths, count_images, list_images, use_images
from latefusion.plan.jobs import Job
from latefusion.plan.planning import Selection, plan
from latefusion.plan.records import digest
from latefusion.plan.runner import run_jobs
from latefusion.steps.listing import warn_of_absent_weights
from latefusion.steps.scripts import SCRIPTS
from latefusion.steps.splitting import split_catalogue
from latefusion.tables import label_choices
from latefusion.tables.checks import check_trainable, image_readers
from latefusion.tables.dataset import Dataset
from latefusion.utils.errors import InputError, StepError, list_problems
from latefusion.utils.files import atomic_write, write_json, write_text
from latefusion.utils.labels import each_label
from latefusion.utils.nearest import plural

logger = logging.getLogger(__name__)


def prepare(experiment: Experiment, selection: Selection) -> None:
    """Run the catalogue's job if it is not done."""
    _require_tables(experiment)
    jobs, script = plan(experiment), SCRIPTS["prepare"]

    def work(job: Job) -> None:
        warn_of_absent_weights(experiment, jobs)
        _prepare(experiment, job)

    run_jobs(jobs, "prepare", work, selection, script=script)


def _require_tables(experiment: Experiment) -> None:
    """Raise InputError if no table is there: a misspelt path must not cost the catalogue that is prepared already."""
    catalogue = experiment.catalogue
    names = [str(path.relative_to(catalogue.root)) for path in table_files(catalogue)]
    if not any((catalogue.root / name).is_file() for name in names):
        try:
            find_file(catalogue.root, names[0], "catalogue.products" if catalogue.format == "table" else None)
        except InputError as error:
            if experiment.sample is None:
                raise
            raise StepError(f"{error}. This config draws a sample: run {{step}} first", "sample") from None


def _prepare(experiment: Experiment, job: Job) -> None:
    """Read, check and split the catalogue, and write it to the job's run folder."""
    catalogue = experiment.catalogue
    before = read_before_choices(catalogue)
    products, issues, others = apply_choices(before, catalogue)
    _write_issues(issues, job.run_dir)
    images = find_images(catalogue, list_images(before.products["image"]))
    keep_all = catalogue.images_per_product == "mean"
    own_images = images[images.index.isin(products.index)]  # without those of products that were removed by choice
    refuse_unfetched(catalogue.root, own_images, "", every=keep_all)
    _require_images(own_images, products["split"], experiment)
    inspection = _inspect(images, products.index, experiment, job.run_dir)
    bad = inspection.bad[inspection.bad.index.isin(products.index)]
    products, lacking = use_images(products, own_images, bad, keep_all=keep_all)
    _log_several(own_images, bad, lacking, keep_all=keep_all)
    products = handle_bad_images(products, lacking, catalogue.bad_images)
    products, rare, left_out = _leave_out_rare(products, catalogue)
    _write_issues(issues := pd.concat([issues, rare]), job.run_dir)
    times = _times(products, before, experiment)
    drawn_by = products
    if catalogue.label_choices is not None:
        drawn_by = _before_choices(before.products, images, inspection.bad, times, catalogue)
    hashes = inspection.hashes.groupby(level=0).first()
    products, twins = split_catalogue(products, drawn_by, hashes, times, experiment, job.run_dir)
    labels, several = each_label(products["label"], several=experiment.several), experiment.several
    classes = class_order(labels)
    unused = others.drop(columns=experiment.catalogue.columns.time) if times is not None else others
    report = describe_catalogue(
        products, issues=issues, bad_images=bad, others=unused, left_out=left_out, several=several
    )
    _report(experiment, job.run_dir, report)
    _check_split(products, labels, classes, experiment)
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


def _leave_out_rare(products: pd.DataFrame, catalogue: CatalogueConfig) -> Kept:
    """Apply `catalogue.min_products`, and log what it leaves out."""
    kept = leave_out_rare(products, catalogue)
    if len(kept.left_out):
        logger.warning(
            "%d labels are left out, which fewer than %d products have; %d products without another label are dropped",
            len(kept.left_out), catalogue.min_products, len(kept.issues),
        )  # fmt: skip
    return kept


def _before_choices(
    before: pd.DataFrame, images: pd.Series, bad: pd.DataFrame, times: pd.Series | None, catalogue: CatalogueConfig
) -> pd.DataFrame:
    """Return the products that would be there without the choices about labels (`before`), to draw the same split."""
    labelled = before["label"].notna()
    if catalogue.bad_images == "drop":
        before = before[~labelled | ~before.index.isin(use_images(before, images, bad, keep_all=False)[1].index)]
    if times is not None:  # a removed product may be without one
        before = before[~labelled[before.index] | times.reindex(before.index).notna()]
    return leave_out_rare(before, catalogue).products


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


def _inspect(images: pd.Series, ids: pd.Index, experiment: Experiment, run_dir: Path) -> Inspection:
    """Check the images that are used; write the list of bad ones of the products `ids`, and the state of all files.

    Those of removed products are checked too: by near-duplicates they have to do with the split of others.
    """
    catalogue = experiment.catalogue
    inspect = inspect_first_images if catalogue.images_per_product == "first" else inspect_images
    inspection = inspect(catalogue.root, images)
    with atomic_write(run_dir / "image_issues.csv") as partial:
        inspection.bad[inspection.bad.index.isin(ids)].to_csv(partial)
    with atomic_write(run_dir / "images.parquet") as partial:
        inspection.files.to_parquet(partial)
    return inspection


def _times(products: pd.DataFrame, before: Reading, experiment: Experiment) -> pd.Series | None:
    """Return the times of the labelled products as numbers, None unless the products are split by time.

    They are those of all that were read, `before` a person's choices: some of them may be removed.

    Raises InputError if there is no such column, and for labelled `products` without a date or number in it.
    """
    if experiment.split.by != "time":
        return None
    name, others = experiment.catalogue.columns.time, before.others
    if name not in others:
        found = f"there are {', '.join(map(str, others))}" if len(others.columns) else "there is no other column"
        raise InputError(f"catalogue.columns.time: the products have no column '{name}' of its own: {found}")
    labelled = products[products["label"].notna()]
    cells = others[name].reindex(before.products.index[before.products["label"].notna()]).fillna("")
    times = read_times(cells)
    bad = labelled["location"] + ": id " + labelled.index + " has '" + cells[labelled.index] + "'"
    if problems := bad[times.reindex(labelled.index).isna()].to_list():
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


def _check_split(products: pd.DataFrame, labels: pd.Series, classes: list[str], experiment: Experiment) -> None:
    """Raise InputError for splits that cannot be used; `labels` are all labels of the products (index: id)."""
    sizes, n_folds = products["split"].value_counts(), experiment.split.n_folds
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
    if unknown and experiment.catalogue.label_choices is not None:
        ids = ", ".join(labels.index[labels == unknown[0]][:10])
        raise InputError(
            f"{experiment.catalogue.label_choices}: these choices leave no train product with the label {unknown[0]}, "
            f"and the split stays as it was: take one of them back, or change or remove the others too (id {ids})"
        )
    if unknown:
        raise InputError(f"no train product has the label {', '.join(unknown)}: move one to train in the split column")
    if len(classes) < 2:
        raise InputError(f"all products have the label {classes[0]}: at least two classes are needed")

"""Prepare a catalogue once for all experts: read it, check its images, find near-duplicates, split it.

Writes `weights/<experiment>/catalogue/`: `products.parquet` (index: id; title, description, image, label, split, and
group, which near-duplicates share), `classes.json` (the class codes in the one order every table uses),
`image_issues.csv` (the products whose image cannot be used, and why), `images.parquet` (the state of every image file
that a product names, good, bad or missing, by which one that is replaced, added or removed later is noticed; index:
path, columns: bytes, -1 where there is no file, mtime_ns, blake2b) and `duplicates.json` (how many near-duplicates
there are, and how many have a twin in train).
"""

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.catalogue import apply_image_policy, class_order, inspect_images, read_catalogue, read_test_labels
from latefusion.catalogue.image_files import find_images, refuse_absent_images
from latefusion.catalogue.images import Inspection
from latefusion.config import Experiment, Split
from latefusion.duplicate_report import describe_leaks, report_duplicates
from latefusion.duplicates import find_duplicates
from latefusion.errors import InputError
from latefusion.files import read_json, whole, write_json
from latefusion.image_cache import open_images
from latefusion.images import ImageStore
from latefusion.jobs import Job
from latefusion.randomness import derive_seed
from latefusion.records import digest, sound
from latefusion.selection import N_FOLDS
from latefusion.split import assign_folds, groups_of, lacks_valid, split_products

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """The canonical table with its split, and the classes in their fixed order."""

    products: pd.DataFrame
    classes: list[str]
    split: Split

    def part(self, *splits: str) -> pd.DataFrame:
        """Return the products of these splits, in the table's order."""
        return self.products[self.products["split"].isin(splits)]

    @cached_property
    def evaluation_parts(self) -> dict[str, pd.DataFrame]:
        """The products to predict: `valid`, and `test` for all that nobody trains or chooses on."""
        return {"valid": self.part("valid"), "test": self.part("test", "submit")}

    def targets(self, products: pd.DataFrame) -> np.ndarray:
        """Return the (N,) class numbers of labelled products."""
        return pd.Index(self.classes).get_indexer(products["label"])

    def folds(self, products: pd.DataFrame, n_folds: int, seed: int) -> np.ndarray:
        """Return (N,) fold numbers of labelled products, stratified; where the split is grouped, the folds are.

        Raises InputError where that leaves a fold empty.
        """
        grouped = self.split.group_duplicates
        if (n_units := _count_units(products, self.split)) < n_folds:
            in_groups = f" in {n_units} groups of near-duplicates" if grouped else ""
            raise InputError(f"{len(products)} products{in_groups} for {n_folds} folds")
        return assign_folds(self.targets(products), n_folds, seed, groups_of(products, self.split))

    def valid_folds(self, n_folds: int) -> np.ndarray:
        """Return the (N,) fold numbers of the validation products, the same whoever asks."""
        return self.folds(self.part("valid"), n_folds, derive_seed(self.split.seed, "folds"))

    def choosing_folds(self) -> np.ndarray:
        """Return the (N,) fold numbers by which epochs are chosen: as a policy's by default, fewer if there must be."""
        return self.valid_folds(min(N_FOLDS, _count_units(self.part("valid"), self.split)))


def _count_units(products: pd.DataFrame, split: Split) -> int:
    """Return how many units folds are dealt from: groups of near-duplicates, or single products."""
    return products["group"].nunique() if split.group_duplicates else len(products)


def prepare(experiment: Experiment, job: Job) -> None:
    """Read, check and split the catalogue into the job's folder."""
    catalogue = experiment.catalogue
    products = read_catalogue(catalogue)
    products["image"] = find_images(catalogue, products["image"])
    _require_images(products, experiment)
    inspection = _inspect(products, experiment, job.run_dir)
    products = apply_image_policy(products, inspection.bad, catalogue.bad_images).drop(columns="place")
    products, leaks = _split(products, inspection.hashes[products.index], experiment, job.run_dir)
    classes = class_order(products["label"].dropna())
    _check_split(products, classes)
    check_learners(products, experiment)
    read_test_labels(catalogue, products)  # refused now, if it is to be refused, not after the training
    with whole(job.run_dir / "products.parquet") as partial:
        products.to_parquet(partial)
    write_json(job.run_dir / "classes.json", classes)
    write_json(job.run_dir / "contents.json", _contents(products, classes, experiment.split, inspection.files))
    if _image_readers(experiment):
        cached_images(experiment, products)
    logger.info("duplicates: %s", leaks)
    logger.info("%d products, %d classes; %s", len(products), len(classes), products["split"].value_counts().to_dict())


def _contents(products: pd.DataFrame, classes: list[str], split: Split, files: pd.DataFrame) -> dict[str, str]:
    """Return hashes of what jobs read of a catalogue, by which the planner tells whether it is still the same."""
    settings = split.model_dump(mode="json", exclude=None if split.group_duplicates else {"hash_distance"})
    unread = ["image"] if split.group_duplicates else ["image", "group"]  # groups come from images too
    of_products = digest([products.drop(columns=unread).to_csv(na_rep="\0"), classes, settings])
    of_images = products["image"].map(files["blake2b"])  # of content, wherever the files lie
    return {"products": of_products, "images": digest([of_products, of_images.to_csv(na_rep="\0")])}


def _require_images(products: pd.DataFrame, experiment: Experiment) -> None:
    """Raise, before any image is read, where those of a split are not there.

    The challenge's tables always name images; those who read texts alone need not have them.
    """
    if experiment.catalogue.format == "table" or _image_readers(experiment):
        refuse_absent_images(experiment.catalogue, products)


def _image_readers(experiment: Experiment) -> list[str]:
    """Return the keys of the config whose networks learn from images."""
    readers = [f"experts.{name}" for name in experiment.experts if experiment.modality(name) == "image"]
    return readers if experiment.denoise is None else [*readers, "denoise"]


def _inspect(products: pd.DataFrame, experiment: Experiment, run_dir: Path) -> Inspection:
    """Look at all images; write which are bad, and in what state all were."""
    inspection = inspect_images(experiment.catalogue.root, products["image"])
    with whole(run_dir / "image_issues.csv") as partial:
        inspection.bad.to_csv(partial)
    with whole(run_dir / "images.parquet") as partial:
        inspection.files.to_parquet(partial)
    return inspection


def _require_training_images(products: pd.DataFrame, experiment: Experiment) -> None:
    readers = _image_readers(experiment)
    if readers and products.loc[products["split"] == "train", "image"].isna().all():
        raise InputError(
            f"{', '.join(readers)}: no train product has an image to learn from; name the column that holds their "
            "paths (catalogue.columns.image), or leave these out"
        )


def _split(
    products: pd.DataFrame, hashes: pd.Series, experiment: Experiment, run_dir: Path
) -> tuple[pd.DataFrame, str]:
    """Return the products with `split` and `group`, and a line on what the split leaks; write the numbers."""
    split = experiment.split
    if lacks_valid(products["split"]):
        logger.info("the split column names no valid products: taking %g of train", split.valid_fraction)
    duplicates = find_duplicates(products["title"], hashes, split.hash_distance)
    groups = pd.Series(duplicates.groups, products.index)
    splits = {
        "stratified": split_products(products, split),
        "grouped": split_products(products, split, groups),
    }
    used = "grouped" if split.group_duplicates else "stratified"
    report = report_duplicates(duplicates, products["label"], splits)
    write_json(run_dir / "duplicates.json", {"hash_distance": split.hash_distance, "split": used} | report)
    return products.assign(split=splits[used], group=groups), describe_leaks(report, used)


def check_learners(products: pd.DataFrame, experiment: Experiment) -> None:
    """Refuse, before anything is trained, what experts and policies cannot do with these products (with `split`)."""
    _check_folds(products, experiment)
    _require_training_images(products, experiment)


def _check_folds(products: pd.DataFrame, experiment: Experiment) -> None:
    """Refuse more folds than there is to share out among them."""
    learners = {f"policies.{name}": (policy.n_folds, ("valid",)) for name, policy in experiment.policies.items()}
    for name, expert in experiment.experts.items():
        if expert.kind == "tfidf":
            learners[f"experts.{name}"] = (expert.n_folds, ("train",))
    if experiment.denoise is not None:
        learners["denoise"] = (experiment.denoise.n_folds, experiment.denoise.splits)
    grouped = experiment.split.group_duplicates
    for key, (n_folds, splits) in learners.items():
        there = products[products["split"].isin(splits)]
        if key == "denoise":
            there = there[there["image"].notna()]
        n_units = _count_units(there, experiment.split)
        if n_units < n_folds:
            what = " and ".join(splits) + " products" + (" with an image" if key == "denoise" else "")
            what = f"groups of near-duplicates among the {what}" if grouped else what
            raise InputError(f"{key}: {n_units} {what} for {n_folds} folds; see the split")


def _check_split(products: pd.DataFrame, classes: list[str]) -> None:
    sizes = products["split"].value_counts()
    see = "split.valid_fraction and split.group_duplicates, or the split column"
    for split in ("train", "valid"):
        if split not in sizes:
            raise InputError(f"the split leaves no {split} products; see {see}")
    if "test" not in sizes and "submit" not in sizes:
        raise InputError(
            "there is nothing to predict: leave labels empty, name test products, or set split.test_fraction"
        )
    trained = set(products.loc[products["split"] == "train", "label"])
    unknown = [code for code in classes if code not in trained]
    if unknown:
        raise InputError(f"no train product has the label {', '.join(unknown)}: move one there in the split column")
    if len(classes) < 2:
        raise InputError(f"all products have the label {classes[0]}: there is nothing to tell apart")


def cached_images(experiment: Experiment, products: pd.DataFrame) -> ImageStore:
    """Open the images, from the cache that the experiment asks for; it is built here, before many jobs read it."""
    return open_images(products, experiment.catalogue.root, experiment.run_root / "cache", experiment.cache_side)


def load_prepared(experiment: Experiment) -> Prepared:
    """Return what `prepare` left."""
    folder = experiment.run_root / "catalogue"
    products = pd.read_parquet(sound(folder, "products.parquet"))
    return Prepared(products, read_json(sound(folder, "classes.json")), experiment.split)

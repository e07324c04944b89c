"""Check that a dataset has enough products and images to train all experts and policies of an experiment."""

import pandas as pd

from latefusion.config import Experiment
from latefusion.dataset.split import count_units
from latefusion.utils.errors import InputError


def check_trainable(products: pd.DataFrame, experiment: Experiment) -> None:
    """Raise InputError, before anything is trained, if an expert or policy cannot be trained on these products.

    `products` has the column `split`.
    """
    _check_folds(products, experiment)
    _require_training_images(products, experiment)


def _check_folds(products: pd.DataFrame, experiment: Experiment) -> None:
    """Raise InputError if there are more folds than products, or groups of near-duplicates, to divide among them."""
    folds: dict[str, tuple[int, tuple[str, ...]]] = {  # by config key: n_folds, and the splits that are divided
        f"policies.{name}": (policy.n_folds, ("valid",)) for name, policy in experiment.policies.items()
    }
    for name, expert in experiment.experts.items():
        if expert.folds_of_train is not None:
            folds[f"experts.{name}"] = (expert.folds_of_train, ("train",))
    if experiment.denoise is not None:
        folds["denoise"] = (experiment.denoise.n_folds, experiment.denoise.splits)
    grouped = experiment.split.grouped
    for key, (n_folds, splits) in folds.items():
        available = products[products["split"].isin(splits)]
        if key == "denoise":
            available = available[available["image"].notna()]
        n_units = count_units(available, experiment.split)
        if n_units < n_folds:
            what = " and ".join(splits) + " products" + (" with an image" if key == "denoise" else "")
            what = f"groups of near-duplicates among the {what}" if grouped else what
            raise InputError(f"{key}: {n_units} {what} for {n_folds} folds: lower n_folds or change the split")


def _require_training_images(products: pd.DataFrame, experiment: Experiment) -> None:
    readers = image_readers(experiment)
    if readers and products.loc[products["split"] == "train", "image"].isna().all():
        raise InputError(
            f"{', '.join(readers)}: no train product has an image: set catalogue.columns.image to the column with the "
            "paths of images, or remove these experts"
        )


def image_readers(experiment: Experiment) -> list[str]:
    """Return the keys of the experts (and `denoise`) that are trained on images."""
    readers = [f"experts.{name}" for name in experiment.experts if experiment.modality(name) == "image"]
    return readers if experiment.denoise is None else [*readers, "denoise"]

"""Checks of a split dataset against the experiment: are there enough products for what is to learn from them?"""

import pandas as pd

from latefusion.config import Experiment
from latefusion.dataset.split import count_units
from latefusion.utils.errors import InputError


def check_learners(products: pd.DataFrame, experiment: Experiment) -> None:
    """Refuse, before anything is trained, what experts and policies cannot do with these products (with `split`)."""
    _check_folds(products, experiment)
    _require_training_images(products, experiment)


def _check_folds(products: pd.DataFrame, experiment: Experiment) -> None:
    """Refuse more folds than there is to share out among them."""
    learners = {f"policies.{name}": (policy.n_folds, ("valid",)) for name, policy in experiment.policies.items()}
    for name, expert in experiment.experts.items():
        if expert.folds_of_train is not None:
            learners[f"experts.{name}"] = (expert.folds_of_train, ("train",))
    if experiment.denoise is not None:
        learners["denoise"] = (experiment.denoise.n_folds, experiment.denoise.splits)
    grouped = experiment.split.group_duplicates
    for key, (n_folds, splits) in learners.items():
        there = products[products["split"].isin(splits)]
        if key == "denoise":
            there = there[there["image"].notna()]
        n_units = count_units(there, experiment.split)
        if n_units < n_folds:
            what = " and ".join(splits) + " products" + (" with an image" if key == "denoise" else "")
            what = f"groups of near-duplicates among the {what}" if grouped else what
            raise InputError(f"{key}: {n_units} {what} for {n_folds} folds; see the split")


def _require_training_images(products: pd.DataFrame, experiment: Experiment) -> None:
    readers = image_readers(experiment)
    if readers and products.loc[products["split"] == "train", "image"].isna().all():
        raise InputError(
            f"{', '.join(readers)}: no train product has an image to learn from; name the column that holds their "
            "paths (catalogue.columns.image), or leave these out"
        )


def image_readers(experiment: Experiment) -> list[str]:
    """Return the keys of the config whose networks learn from images."""
    readers = [f"experts.{name}" for name in experiment.experts if experiment.modality(name) == "image"]
    return readers if experiment.denoise is None else [*readers, "denoise"]

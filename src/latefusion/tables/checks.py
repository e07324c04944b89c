"""Check that a dataset has enough products and images to train all experts and policies of an experiment."""

from latefusion.config import Experiment
from latefusion.dataset.split import count_units
from latefusion.tables.dataset import Dataset
from latefusion.utils.errors import InputError


def check_trainable(dataset: Dataset, experiment: Experiment) -> None:
    """Raise InputError, before anything is trained, if an expert or policy cannot be trained on this dataset."""
    for name, policy in experiment.policies.items():
        if not dataset.split.nested:  # else policies have the folds of the experts
            _check_folds(dataset, f"policies.{name}", policy.n_folds, (dataset.fusion_split,))
    for view in dataset.training_views:
        for name, expert in experiment.experts.items():
            if expert.folds_of_train is not None:
                reads_images = experiment.modality(name) == "image"
                _check_folds(view, f"experts.{name}", expert.folds_of_train, ("train",), with_image=reads_images)
        if experiment.denoise is not None:
            splits = experiment.denoise.splits
            _check_folds(view, "denoise", experiment.denoise.n_folds, splits, with_image=True)
        _require_training_images(view, experiment)


def _check_folds(
    dataset: Dataset, key: str, n_folds: int, splits: tuple[str, ...], *, with_image: bool = False
) -> None:
    """Raise InputError if there are more folds than products, or groups of near-duplicates, to divide among them."""
    products = dataset.fusion_products if splits == (dataset.fusion_split,) else dataset.select(*splits)
    if with_image:
        products = products[products["image"].notna()]
    n_units = count_units(products, dataset.split)
    if n_units < n_folds:
        what = " and ".join(splits) + " products" + (" with an image" if with_image else "")
        what = f"groups of near-duplicates among the {what}" if dataset.split.grouped else what
        raise InputError(f"{key}: {n_units} {what} for {n_folds} folds: lower n_folds or change the split")


def _require_training_images(dataset: Dataset, experiment: Experiment) -> None:
    readers = image_readers(experiment)
    if readers and dataset.select("train")["image"].isna().all():
        raise InputError(
            f"{', '.join(readers)}: no train product has an image: set catalogue.columns.image to the column with the "
            "paths of images, or remove these experts"
        )


def image_readers(experiment: Experiment) -> list[str]:
    """Return the keys of the experts (and `denoise`) that are trained on images."""
    readers = [f"experts.{name}" for name in experiment.experts if experiment.modality(name) == "image"]
    return readers if experiment.denoise is None else [*readers, "denoise"]

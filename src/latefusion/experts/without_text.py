"""Products that lack the text which an expert reads alone (`reads: title` or `description` in its config).

Such a product is predicted by class frequencies instead of the expert's answer to an empty text, which depends on how
the text is weighted against the rest and, if no training product lacks it, on chance. They are the frequencies among
the training products that lack the text, shrunk towards those of all: what is missing may tell the class.

Writes `without_text.json` to the run folder: the frequencies, in the order of the classes.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.metrics.decisions import count_labels
from latefusion.tables.dataset import Dataset
from latefusion.utils.errors import reported_as
from latefusion.utils.files import read_json, write_json

FILE = "without_text.json"


def lacks(products: pd.DataFrame, field: str) -> np.ndarray:
    """Return (N,) whether products have no text in `field`."""
    return (products[field].fillna("").str.strip() == "").to_numpy(bool)


def frequencies(dataset: Dataset, field: str) -> np.ndarray:
    """Return the (C,) frequencies of the classes among the training products that lack the text.

    The frequencies among all training products count as many products as there are classes.
    """
    train = dataset.select("train")
    without = train[lacks(train, field)]
    n_classes = len(dataset.classes)
    # Laplace's rule, so that no class has a frequency of zero: of one label over classes, of several for each class.
    of_all = (_counts(dataset, train) + 1) / (len(train) + (2 if dataset.several else n_classes))
    return (_counts(dataset, without) + n_classes * of_all) / (len(without) + n_classes)


def fill(probs: np.ndarray, products: pd.DataFrame, field: str, frequencies: np.ndarray) -> np.ndarray:
    """Return (N, C) probabilities with the frequencies (C,) in the rows of products that lack the text."""
    return np.where(lacks(products, field)[:, None], frequencies.astype(probs.dtype), probs)


def save_frequencies(frequencies: np.ndarray, run_dir: Path) -> None:
    write_json(run_dir / FILE, frequencies.tolist())


def load_frequencies(folder: Path, num_classes: int) -> np.ndarray:
    """Return the (C,) frequencies that `save_frequencies` wrote. Raises InputError if the file is damaged."""
    with reported_as(f"{folder / FILE}: cannot be read as class frequencies"):
        return np.array(read_json(folder / FILE), dtype=np.float64).reshape(num_classes)


def _counts(dataset: Dataset, products: pd.DataFrame) -> np.ndarray:
    """Return the (C,) numbers of products with each label."""
    return count_labels(dataset.targets(products), len(dataset.classes))

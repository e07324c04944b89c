"""The three submission formats: two of challenges (SIGIR, ENS), and `predictions.tsv` for other catalogues."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from latefusion.catalogue import ens, sigir
from latefusion.catalogue.layouts import LAYOUTS
from latefusion.catalogue.reading import find_file
from latefusion.config import CatalogueConfig


@dataclass(frozen=True)
class SubmissionFormat:
    """The file format of a submission.

    `columns`, in the order of the header: column name in the file -> column name in this project.
    """

    title: str
    delimiter: str
    columns: dict[str, str]

    @property
    def header(self) -> list[str]:
        return list(self.columns)

    @property
    def header_line(self) -> str:
        return self.delimiter.join(self.columns)


@dataclass(frozen=True)
class Challenge(SubmissionFormat):
    """The format of a challenge's submissions, and how to read the challenge's own files.

    `test_file_names`: file name of each submission -> name of the test file that has its products.
    """

    test_file_names: dict[str, str]
    exact_name: bool  # a submission under another name is rejected
    test_columns: dict[str, str]
    label_file: str
    read_products: Callable[[Path], pd.DataFrame]
    read_labels: Callable[[Path], pd.DataFrame]

    def find_tests(self, root: Path) -> dict[str, Path]:
        """Return the test files that exist in `root`, by the name of their submission."""
        return {name: find_file(root, test) for name, test in self.test_file_names.items() if (root / test).exists()}

    def name_for(self, test_file: Path) -> str | None:
        """Return the name of the submission for a test file; None if the challenge has no test file of that name."""
        return next((name for name, test in self.test_file_names.items() if test == test_file.name), None)


SIGIR = Challenge(
    title="SIGIR",
    delimiter="\t",
    columns=sigir.LABEL_COLUMNS,
    test_file_names={f"y{Path(test).stem.removeprefix('x')}_pred.tsv": test for test in sigir.TEST_FILES},
    exact_name=True,
    test_columns=sigir.PRODUCT_COLUMNS,
    label_file=sigir.LABEL_FILE,
    read_products=sigir.read_products,
    read_labels=sigir.read_labels,
)
ENS = Challenge(
    title="ENS",
    delimiter=",",
    columns=ens.LABEL_COLUMNS,
    test_file_names={"y_test_pred.csv": ens.TEST_FILE},
    exact_name=False,
    test_columns=ens.PRODUCT_COLUMNS,
    label_file=ens.LABEL_FILE,
    read_products=ens.read_products,
    read_labels=ens.read_labels,
)
CHALLENGES = {"sigir": SIGIR, "ens": ENS}


def challenge_of(catalogue: CatalogueConfig) -> Challenge | None:
    """Return the challenge that a catalogue belongs to; None for a catalogue of your own (layout `table`)."""
    name = LAYOUTS[catalogue.format].challenge
    return None if name is None else CHALLENGES[name]


PREDICTIONS_NAME = "predictions.tsv"
NEW, HELD_OUT = "new", "test"  # values of the column `split`: products without a label, and those of the test split


def _predictions_format(*columns: str) -> SubmissionFormat:
    return SubmissionFormat("predictions", "\t", {name: name for name in ("id", "label", "confidence", *columns)})


# `predictions.tsv` has the two next classes of each product, or one if there are only two classes. With three columns,
# as other programs write it, it is valid too.
SHORT_PREDICTIONS = _predictions_format()
PREDICTIONS = (
    _predictions_format("label_2", "confidence_2", "label_3", "confidence_3", "split"),
    _predictions_format("label_2", "confidence_2", "split"),
    SHORT_PREDICTIONS,
)
# Of products with several labels: all that are assigned, the most probable first, and their confidences; `confidence`
# is that of the first. The three next classes and theirs. Labels of one cell are separated by `separator_of`.
SEVERAL_LABELS = (
    _predictions_format("confidences", "next_labels", "next_confidences", "split"),
    SHORT_PREDICTIONS,
)


def predictions_format(columns: Collection[str], *, several: bool = False) -> SubmissionFormat:
    """Return the format of `predictions.tsv` that differs least from these columns, for one label or several."""
    return min(SEVERAL_LABELS if several else PREDICTIONS, key=lambda known: len(set(known.header) ^ set(columns)))

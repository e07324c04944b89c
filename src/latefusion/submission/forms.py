"""The three forms of a submission, and the files of the challenge that two of them belong to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from latefusion.catalogue import ens, sigir
from latefusion.catalogue.layouts import LAYOUTS
from latefusion.catalogue.reading import find_file
from latefusion.config import CatalogueConfig


@dataclass(frozen=True)
class Form:
    """What a submission looks like; `columns` are its header's cells, in order, and what this project calls them."""

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
class Challenge(Form):
    """A form that a challenge asks for; `answers` maps the name of each submission to the test file it answers."""

    answers: dict[str, str]
    exact_name: bool  # a submission under another name is rejected
    test_columns: dict[str, str]
    label_file: str
    read_products: Callable[[Path], pd.DataFrame]
    read_labels: Callable[[Path], pd.DataFrame]

    def find_tests(self, root: Path) -> dict[str, Path]:
        """Return the test files that exist under `root`, by the name of their submission."""
        return {name: find_file(root, test) for name, test in self.answers.items() if (root / test).exists()}

    def name_for(self, test_file: Path) -> str | None:
        """Return the name of the submission for a test file, None where that is not called as in the challenge."""
        return next((name for name, test in self.answers.items() if test == test_file.name), None)


SIGIR = Challenge(
    title="SIGIR",
    delimiter="\t",
    columns=sigir.LABEL_COLUMNS,
    answers={f"y{Path(test).stem.removeprefix('x')}_pred.tsv": test for test in sigir.TEST_FILES},
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
    answers={"y_test_pred.csv": ens.TEST_FILE},
    exact_name=False,
    test_columns=ens.PRODUCT_COLUMNS,
    label_file=ens.LABEL_FILE,
    read_products=ens.read_products,
    read_labels=ens.read_labels,
)
CHALLENGES = {"sigir": SIGIR, "ens": ENS}


def challenge_of(catalogue: CatalogueConfig) -> Challenge | None:
    """Return the challenge whose form a catalogue's submissions have; None for a catalogue of one's own."""
    name = LAYOUTS[catalogue.format].challenge
    return None if name is None else CHALLENGES[name]


PREDICTIONS_NAME = "predictions.tsv"
PREDICTIONS = Form("predictions", "\t", {name: name for name in ("id", "label", "confidence")})

"""What the reader of a layout returns."""

from typing import NamedTuple

import pandas as pd

from latefusion.catalogue.row_issues import NONE


class Rows(NamedTuple):
    """The rows of a catalogue, indexed by location ("products.csv, line 12").

    `rows`: the columns id, title, description, image, label and split as text ("" is missing). `issues`: rows that a
    policy of the config has dropped (`row_issues`). `others`: the columns of the products' table that are not read,
    indexed by id.
    """

    rows: pd.DataFrame
    issues: pd.DataFrame = NONE
    others: pd.DataFrame = pd.DataFrame()

"""Read Parquet files in the calling thread.

Arrow's own threads hang, or abort the process, where no more can be started: little memory, or `ulimit -u` reached.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd


def read_frame(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return a table that this package has written; raises the errors of `pandas.read_parquet`."""
    return pd.read_parquet(path, columns=columns, use_threads=False, pre_buffer=False)

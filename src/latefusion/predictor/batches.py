"""Prediction on the machines of a cluster: an exported model as a class of Ray Data, and as a function of Spark.

    dataset.map_batches(BatchPredictor, fn_constructor_args=(MODEL, IMAGES), batch_format="pandas",
        compute=ActorPoolStrategy(size=4))

    predictor = BatchPredictor(MODEL, IMAGES)
    frame.mapInPandas(predictor.predict_all, schema=predictor.spark_schema())

Neither Ray nor Spark is imported here. Every machine reads the model and the images from folders at the same path: a
shared file system, or copies. docs/several-machines.md has examples.
"""

import socket
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype

from latefusion.catalogue.usual_names import find_columns
from latefusion.config import Columns
from latefusion.plan.records import describe_file
from latefusion.predictor.manifest import NAME
from latefusion.predictor.predictor import COLUMNS, Predictor
from latefusion.tables.predictions import NUMBER_LISTS, list_columns
from latefusion.utils.errors import InputError

TEXTS, NUMBERS = (pd.ArrowDtype(pa.list_(values)) for values in (pa.string(), pa.float64()))  # lists of them
SPARK_TYPES = {
    "str": "string", "float64": "double", "int64": "bigint", "bool": "boolean",
    str(TEXTS): "array<string>", str(NUMBERS): "array<double>",
}  # fmt: skip


class BatchPredictor:
    """Predicts batches of a table of products, each on any machine.

    A process reads the model when it predicts its first batch, and keeps it for the next ones. Pickled, it is two paths
    and the hash of the model.
    """

    def __init__(
        self,
        folder: str | Path,
        images: str | Path | None = None,
        version: str | None = None,
        image_share: float | None = None,
    ):
        """Name the folders of the exported model and of the images; nothing is read yet.

        `image_share`: as of `Predictor.predict`.

        `version` is what `version()` returned where the work was planned: a machine whose folder has another model
        then refuses to predict. A pickled predictor has it.
        """
        self.folder = Path(folder)
        self.images = None if images is None else Path(images)
        self.expected, self.image_share = version, image_share

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"expected": self.expected or self.version()}

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        """Return a row for each product of a batch: its id, and the columns of `Predictor.predict`.

        Columns and dtypes are the same for every batch, also for one without rows. Raises InputError if there is no
        column of ids or of titles, if a product has no id, or if an id is not unique in the batch.
        """
        predictor, empty = self._load()
        if batch.empty:  # Ray and Spark may drop its columns
            return empty
        named = find_columns(Path("the batch"), list(map(str, batch.columns)), Columns(), ["id", *COLUMNS])
        (ids,) = named["id"]
        if ids not in batch.columns:
            found = ", ".join(map(str, batch.columns))
            raise InputError(f"no column 'id' among {found}: batches have no common index, so name the column of ids")
        if n_missing := (batch[ids].isna() | (batch[ids].astype("str").str.strip() == "")).sum():
            raise InputError(f"{n_missing} of {len(batch)} products of a batch have no {ids}: give each product an id")
        predicted = predictor.predict(batch, self.images, self.image_share).reset_index()
        return predicted.astype(empty.dtypes)

    def predict_all(self, batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Yield the predictions of each batch, as Spark's `mapInPandas` needs them."""
        yield from map(self, batches)

    def spark_schema(self) -> str:
        """Return the columns of the predictions as Spark's DDL: `id` string, `label` string, ..."""
        _, empty = self._load()
        return ", ".join(f"`{name}` {SPARK_TYPES[str(dtype)]}" for name, dtype in empty.dtypes.items())

    def version(self) -> str:
        """Return a hash of the exported model, whose files `Predictor.load` compares with it."""
        path = self.folder / NAME
        if not path.is_file():
            raise InputError(f"{self.folder} on {socket.gethostname()}: there is no exported model: copy it there")
        return describe_file(path)["blake2b"]

    def _load(self) -> tuple[Predictor, pd.DataFrame]:
        """Return the predictor, and the predictions of no product. Raises InputError if a folder is not there."""
        version, host = self.version(), socket.gethostname()
        if self.expected not in (None, version):
            raise InputError(
                f"{self.folder} on {host}: this is another model than where the work was planned: copy it from there"
            )
        if self.images is not None and not self.images.is_dir():
            raise InputError(f"{self.images} on {host}: there is no such folder of images: copy it there, or share it")
        return _open(self.folder, version)


@lru_cache(maxsize=1)
def _open(folder: Path, version: str) -> tuple[Predictor, pd.DataFrame]:
    predictor = Predictor.load(folder, num_workers=0)  # Ray and Spark say how many processes there are
    empty = predictor.predict(pd.DataFrame({"id": [], "title": []})).reset_index()
    lists = list_columns(empty) if predictor.several else []
    return predictor, empty.astype({name: _dtype(empty[name], is_list=name in lists) for name in empty})


def _dtype(column: pd.Series, *, is_list: bool) -> str | pd.ArrowDtype:
    """Return a dtype that has no gaps between pandas, Arrow and Spark."""
    if is_list:
        return NUMBERS if column.name in NUMBER_LISTS else TEXTS
    for is_kind, dtype in ((is_bool_dtype, "bool"), (is_integer_dtype, "int64"), (is_float_dtype, "float64")):
        if is_kind(column):
            return dtype
    return "str"

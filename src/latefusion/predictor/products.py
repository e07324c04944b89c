"""New products as experts read them, and what has been read of them: their images, and the experts' probabilities.

An image is looked at, which finds those that cannot be used, when an expert first reads it. So of products for which
only cheap experts run, no image is decoded, and a damaged one is not found.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.catalogue import read_new_products
from latefusion.catalogue.checks import relative_image_paths
from latefusion.catalogue.list_cells import image_lines
from latefusion.catalogue.table import find_present, flatten, join_columns, separators
from latefusion.config import CatalogueConfig, load_new_table
from latefusion.experts.exported import Predict
from latefusion.images.fetched import find_fetched, refuse_unfetched
from latefusion.images.inspection import inspect_first_images, inspect_images
from latefusion.images.several import MORE, list_images, use_images
from latefusion.images.store import ImageStore
from latefusion.predictor.method import ExpertTables
from latefusion.predictor.unusual import is_empty
from latefusion.utils.errors import InputError, list_problems

logger = logging.getLogger(__name__)
COLUMNS = ("title", "description", "image")


class Products:
    """N products and what has been read of them.

    `rows` (index: id) has `title`, `description` and `image`: of products that were looked at the path of an image that
    can be used, of others what they name. `problems` (N,) says why images could not be used.
    """

    def __init__(self, rows: pd.DataFrame, images: str | Path | None, *, every_image: bool, num_classes: int):
        """Take the rows of `canonical_rows`. Raises InputError if they name images on the web that are not fetched.

        `images`: the folder of the images; None: they are not read. `every_image`: experts read all of a product's.
        """
        if images is None:
            if n_named := rows["image"].notna().sum():
                logger.warning("%d products name an image, but no folder of images is given: none is read", n_named)
            rows = rows.assign(image=rows["image"].mask(rows["image"].notna()))
        self.folder, self.every_image, self.num_classes = Path(images or "."), every_image, num_classes
        self.problems = pd.Series("", index=rows.index, dtype="str")
        self.looked = np.zeros(len(rows), dtype=bool)
        self._named = find_fetched(self.folder, list_images(rows["image"]))
        if len(self._named):
            refuse_unfetched(self.folder, self._named, f"--products FILE --images {images}", every=every_image)
            rows = rows.assign(**{MORE: pd.Series(None, rows.index, dtype="str")}) if every_image else rows
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def has_image(self) -> np.ndarray:
        """(N,): whether products name an image; of those that were looked at, whether one can be used."""
        return self.rows["image"].notna().to_numpy()

    @property
    def has_text(self) -> np.ndarray:
        """(N,): whether products have a title or a description."""
        return ~is_empty(self.rows)

    def look(self, numbers: np.ndarray) -> None:
        """Look at the images of products (row numbers): find those that can be used, and problems of the others."""
        numbers = numbers[~self.looked[numbers]]
        self.looked[numbers] = True
        ids = self.rows.index[numbers]
        named = self._named[self._named.index.isin(ids)]
        if named.empty:
            return
        bad = (inspect_images if self.every_image else inspect_first_images)(self.folder, named).bad
        own, lacking = use_images(self.rows.loc[ids], named, bad, keep_all=self.every_image)
        own["image"] = own["image"].mask(own.index.isin(lacking.index))
        self.rows = self.rows.copy()
        for name in own.columns.intersection(["image", MORE]):
            self.rows.loc[ids, name] = own[name]
        if len(bad):
            self._tell(bad, named)

    def _tell(self, bad: pd.DataFrame, named: pd.Series) -> None:
        """Add and log the problems of images that cannot be used."""
        has_several = self.rows.index.isin(named.index[named.index.duplicated()])
        of_several = bad.index.isin(self.rows.index[has_several])
        reasons = bad["reason"].where(~of_several, bad["image"] + ": " + bad["reason"])
        by_product = reasons.groupby(level=0, sort=False).agg("; ".join)
        self.problems[by_product.index] = by_product
        first = f"{bad.index[0]}, {bad['image'].iloc[0]}: {bad['reason'].iloc[0]}"
        logger.warning(
            "%d of %d products have an image that cannot be used; the first: %s", len(by_product), len(self), first
        )

    def visible(self) -> tuple[pd.DataFrame, ImageStore]:
        """Return the products, without the images that were not looked at, and the images."""
        rows = self.rows.assign(image=self.rows["image"].where(self.looked))
        return rows, ImageStore(rows, self.folder)


class Reading:
    """The probabilities that experts give for products: each expert reads a product when it is first asked for it."""

    def __init__(self, products: Products, experts: Mapping[str, Predict], image_readers: set[str]):
        """`image_readers`: the names of the experts that read images."""
        self.products, self._experts, self._image_readers = products, experts, image_readers
        self._tables = ExpertTables(self._run, len(products))
        self._ran: dict[str, np.ndarray] = {}

    def read(self, expert: str, numbers: np.ndarray) -> np.ndarray:
        """Return the (n, C) probabilities of an expert for (n,) row numbers."""
        return self._tables.read(expert, numbers)

    def ran(self, expert: str) -> np.ndarray:
        """Return (N,): for which products an expert has run."""
        return self._ran.setdefault(expert, np.zeros(len(self.products), dtype=bool))

    def table(self, expert: str) -> np.ndarray:
        """Return the (N, C) probabilities of an expert; zeros where it has not run."""
        rows = np.flatnonzero(self.ran(expert))
        own = self.read(expert, rows)
        table = np.zeros((len(self.products), self.products.num_classes), dtype=own.dtype)
        table[rows] = own
        return table

    def _run(self, expert: str, numbers: np.ndarray) -> np.ndarray:
        if not len(numbers):
            return np.empty((0, self.products.num_classes), dtype=np.float32)
        if expert in self._image_readers:
            self.products.look(numbers)
        self.ran(expert)[numbers] = True
        rows = self.products.rows.iloc[numbers]
        return self._experts[expert](rows, ImageStore(rows, self.products.folder))


def canonical_rows(products: pd.DataFrame | str | Path, catalogue: CatalogueConfig) -> pd.DataFrame:
    """Return products (as in `Predictor.predict`) as experts read them: index id; columns title, description, image."""
    if not isinstance(products, pd.DataFrame):
        table = load_new_table(Path(products), catalogue.columns, (), image_separator=catalogue.image_separator)
        products = read_new_products(table)
    products = products.set_axis(products.columns.map(str), axis=1)
    fields = ("id", *COLUMNS)
    named = find_present(Path("the table"), list(products.columns), catalogue.columns, list(fields), fields)
    if "title" not in named:
        raise InputError(f"no column 'title' among {', '.join(products.columns)}: rename yours")
    ids = pd.Index(products[named["id"][0]] if "id" in named else products.index).astype("str").rename("id")
    texts = products[flatten({field: named[field] for field in named if field != "image"})].astype("str").fillna("")
    paths = {name: image_lines(products[name], catalogue.image_separator) for name in named.get("image", ())}
    rows = join_columns(texts.assign(**paths), named, separators(catalogue)).set_axis(ids)
    rows["image"] = relative_image_paths(rows.assign(id=ids))
    rows = rows[list(COLUMNS)].apply(lambda cells: cells.mask(cells.str.strip() == ""))
    if repeated := sorted(set(rows.index[rows.index.duplicated()])):
        raise InputError(list_problems("Ids that occur more than once:", repeated, "Give each product its own id."))
    rows["title"] = rows["title"].fillna("")
    return rows

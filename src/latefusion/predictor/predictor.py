"""Predict new products with an exported model."""

import logging
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.catalogue import read_new_products
from latefusion.catalogue.checks import relative_image_paths
from latefusion.catalogue.list_cells import image_lines
from latefusion.catalogue.table import find_present, flatten, join_columns, separators
from latefusion.config import Experiment, load_experiment, load_new_table
from latefusion.experts.exported import Opening, Predict, open_expert
from latefusion.images.fetched import find_fetched, refuse_unfetched
from latefusion.images.inspection import inspect_first_images, inspect_images
from latefusion.images.several import list_images, use_images
from latefusion.images.store import ImageStore
from latefusion.predictor.acceptance import threshold_for
from latefusion.predictor.manifest import AGAIN, Manifest, read_manifest
from latefusion.predictor.method import FinalMethod
from latefusion.predictor.missing import folder_of, with_experts
from latefusion.predictor.unusual import Unusual, is_empty
from latefusion.tables.predictions import next_classes
from latefusion.training.loop import make_accelerator
from latefusion.utils.errors import InputError, list_problems, reported_as

logger = logging.getLogger(__name__)
COLUMNS = ("title", "description", "image")


class Predictor:
    """An exported model.

    >>> predictor = Predictor.load("models/my_shop")
    >>> predictor.predict(pd.DataFrame({"id": ["a1"], "title": ["desk lamp"]}))  # doctest: +SKIP
    """

    def __init__(self, folder: Path, manifest: Manifest, experiment: Experiment):
        self.folder, self.manifest, self.experiment = folder, manifest, experiment
        n = len(manifest.classes)
        self.method = FinalMethod(manifest.method, experiment, n, folder / "policies")
        self.reduced = {
            missing: FinalMethod(one.spec, with_experts(experiment, one.experts), n, folder_of(folder, missing))
            for missing, one in manifest.reduced.items()
        }

    @classmethod
    def load(cls, folder: str | Path, *, num_workers: int | None = None) -> "Predictor":
        """Read an exported model. Raises InputError if the folder is none, or if one of its files has changed.

        `num_workers`: processes that read images; None: as in training (`hardware.num_workers`).
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        settings = [] if num_workers is None else [f"hardware.num_workers={num_workers}"]
        with reported_as(f"{folder}: the model cannot be loaded: {AGAIN}"):
            return cls(folder, manifest, load_experiment(folder / "config.yaml", settings))

    @property
    def classes(self) -> list[str]:
        """The codes of the classes, in the order of the probabilities' columns."""
        return self.manifest.classes

    @property
    def experts(self) -> tuple[str, ...]:
        """The names of the experts that run to predict a product."""
        return self.manifest.method.experts(self.experiment)

    @cached_property
    def unusual(self) -> Unusual:
        """The rules by which products are unlike all labelled ones."""
        return Unusual.load(self.folder)

    def threshold(self, target: float) -> float:
        """Return the least confidence with which a share `target` (0.5 to 1) was right on labelled products.

        Raises InputError for another target, and if no confidence was high enough.
        """
        return threshold_for(self.folder, target, None)

    @cached_property
    def _experts(self) -> dict[str, Predict]:
        accelerator = make_accelerator(self.experiment.hardware)
        opened = {}
        for name in self.experts:
            opening = Opening(
                folder=self.folder / "experts" / name,
                experts=self.experiment.experts,
                num_classes=len(self.classes),
                several=self.experiment.several,
                accelerator=accelerator,
                hardware=self.experiment.hardware,
            )
            with reported_as(f"{opening.folder}: the expert cannot be loaded: {AGAIN}"):
                opened[name] = open_expert(opening, name)
        return opened

    def predict(self, products: pd.DataFrame | str | Path, images: str | Path | None = None) -> pd.DataFrame:
        """Return a row for each product, in their order; index: id.

        `products` is a table, or the file of one, with `title` and, if there are any, `id` (else its index is taken),
        `description` and `image`, a path relative to the folder `images` (several: a list, or a text as in the
        catalogue); usual names, such as `sku` and `name`, will do. Empty cells mean that there is none. Columns:
        `label`, `confidence`, and those of the two next classes; for each expert that can read the product the label
        that it would give; `agree`, the number of experts that give the label; `problem`, why an image could not be
        used; `unusual`, why the product is unlike all labelled ones (`predictor.unusual`), else "". Raises InputError
        if a column is missing or an id is not unique.
        """
        rows, problems = self._canonical(products, images)
        tables = self._tables(rows, images)
        preds, probs = self.decide(rows, tables)
        reasons = self.unusual.reasons(rows, ImageStore(rows, Path(images or ".")))
        return self._describe(rows, preds, probs, tables).assign(problem=problems, unusual=reasons)

    def predict_proba(self, products: pd.DataFrame | str | Path, images: str | Path | None = None) -> pd.DataFrame:
        """Return the calibrated (N, C) probabilities; index: id, columns: the classes. `products` as in `predict`."""
        rows, tables = self.read(products, images)
        _, probs = self.decide(rows, tables)
        return pd.DataFrame(probs, rows.index, self.classes)

    def read(
        self, products: pd.DataFrame | str | Path, images: str | Path | None
    ) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
        """Return the products (as in `predict`) as experts read them, and each expert's (N, C) probabilities."""
        rows, _ = self._canonical(products, images)
        return rows, self._tables(rows, images)

    def decide(self, rows: pd.DataFrame, tables: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return (N,) class numbers and (N, C) probabilities: of products that lack something by the reduced method."""
        frequencies = np.array(self.manifest.frequencies, dtype=np.float32)
        preds = np.full(len(rows), frequencies.argmax())
        probs = np.tile(frequencies, (len(rows), 1))
        has_image = rows["image"].notna().to_numpy()
        readable = ~is_empty(rows)
        groups = {None: has_image & readable, "image": readable & ~has_image, "text": has_image & ~readable}
        for missing, group in groups.items():
            if group.any():
                method = self.method if missing is None else self.reduced.get(missing, self.method)
                own = {name: table[group] for name, table in tables.items()}
                preds[group], probs[group] = method.decide(partial(_rows_of, own), int(group.sum()))
        return preds, probs

    def _tables(self, rows: pd.DataFrame, images: str | Path | None) -> dict[str, np.ndarray]:
        store = ImageStore(rows, Path(images or "."))
        if rows.empty:
            return {name: np.empty((0, len(self.classes)), np.float32) for name in self.experts}
        return {name: predict(rows, store) for name, predict in self._experts.items()}

    def _canonical(
        self, products: pd.DataFrame | str | Path, images: str | Path | None
    ) -> tuple[pd.DataFrame, pd.Series]:
        """Return the products as experts read them (index: id), and the problems with their images."""
        catalogue = self.experiment.catalogue
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
        if images is None:
            if n_named := rows["image"].notna().sum():
                logger.warning("%d products name an image, but no folder of images is given: none is read", n_named)
            rows["image"] = rows["image"].mask(rows["image"].notna())
        return self._with_images(rows, Path(images or "."))

    def _with_images(self, rows: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, pd.Series]:
        """Return the products with their images that can be used, and what is wrong with the others."""
        problems = pd.Series("", index=rows.index, dtype="str")
        named = find_fetched(folder, list_images(rows["image"]))
        if named.empty:
            return rows, problems
        keep_all = self.experiment.catalogue.images_per_product == "mean"
        refuse_unfetched(folder, named, f"--products FILE --images {folder}", every=keep_all)
        bad = (inspect_images if keep_all else inspect_first_images)(folder, named).bad
        rows, lacking = use_images(rows, named, bad, keep_all=keep_all)
        if len(bad):
            has_several = rows.index.isin(named.index[named.index.duplicated()])
            reasons = bad["reason"].where(~bad.index.isin(rows.index[has_several]), bad["image"] + ": " + bad["reason"])
            by_product = reasons.groupby(level=0, sort=False).agg("; ".join)
            problems[by_product.index] = by_product
            rows["image"] = rows["image"].mask(rows.index.isin(lacking.index))
            first = f"{bad.index[0]}, {bad['image'].iloc[0]}: {bad['reason'].iloc[0]}"
            logger.warning(
                "%d of %d products have an image that cannot be used; the first: %s", len(by_product), len(rows), first
            )
        return rows, problems

    def _describe(
        self, products: pd.DataFrame, preds: np.ndarray, probs: np.ndarray, tables: dict[str, np.ndarray]
    ) -> pd.DataFrame:
        classes, rows = np.array(self.classes, dtype=object), np.arange(len(preds))
        columns = {"label": classes[preds], "confidence": probs[rows, preds]}
        columns |= next_classes(preds, probs, self.classes)
        has = {"image": products["image"].notna().to_numpy(), "text": ~is_empty(products)}
        by_expert, agree = {}, np.zeros(len(preds), dtype=int)
        for name, table in tables.items():
            modality, own = self.experiment.modality(name), table.argmax(axis=1)
            reads = has["image"] & has["text"] if modality == "joint" else has[modality]
            by_expert[f"{name}_label"] = np.where(reads, classes[own], "")
            agree += reads & (own == preds)
        return pd.DataFrame(columns | by_expert | {"agree": agree}, index=products.index)


def _rows_of(tables: dict[str, np.ndarray], name: str, rows: np.ndarray) -> np.ndarray:
    return tables[name][rows]

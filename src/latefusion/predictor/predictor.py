"""Predict new products with an exported model."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from latefusion.config import Experiment, load_experiment
from latefusion.experts.exported import Opening, Predict, open_expert
from latefusion.fusion.raw_select import NETWORK, open_choice
from latefusion.metrics.decisions import HALF, decide, first_labels
from latefusion.predictor.acceptance import threshold_for
from latefusion.predictor.manifest import AGAIN, Manifest, read_manifest
from latefusion.predictor.method import FinalMethod
from latefusion.predictor.missing import READERS, folder_of, with_experts
from latefusion.predictor.products import COLUMNS, Products, Reading, canonical_rows
from latefusion.predictor.unusual import Unusual
from latefusion.tables.predictions import decision_columns, label_cells
from latefusion.training.loop import make_accelerator
from latefusion.utils.errors import InputError, reported_as

__all__ = ["COLUMNS", "Predictor"]


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
        """The experts and, by the names of their policies, the networks that choose by raw inputs."""
        opening = Opening(
            folder=self.folder,
            experts=self.experiment.experts,
            num_classes=len(self.classes),
            several=self.experiment.several,
            accelerator=make_accelerator(self.experiment.hardware),
            hardware=self.experiment.hardware,
        )
        opened = {}
        for name in self.experts:
            own = replace(opening, folder=self.folder / "experts" / name)
            with reported_as(f"{own.folder}: the expert cannot be loaded: {AGAIN}"):
                opened[name] = open_expert(own, name)
        for name, policy in self.manifest.method.networks(self.experiment).items():
            own = replace(opening, folder=self.folder / "policies" / name / NETWORK)
            with reported_as(f"{own.folder}: the network of the policy cannot be loaded: {AGAIN}"):
                opened[name] = open_choice(own, policy)
        return opened

    @property
    def several(self) -> bool:
        """Whether products have several labels."""
        return self.experiment.several

    @property
    def asks(self) -> bool:
        """Whether the method is on demand: its dear experts run for the products alone for which they are asked for."""
        return self.method.asks

    @property
    def cheap_experts(self) -> tuple[str, ...]:
        """The names of the experts that run for all products: all, unless the method is on demand."""
        return self.manifest.method.cheap_experts(self.experiment)

    @property
    def looks_on_demand(self) -> bool:
        """Whether images are looked at for the products alone for which the dear experts are asked for."""
        for_all = {*self.cheap_experts, *self.manifest.method.networks(self.experiment)}
        return self.asks and not self._image_readers & for_all

    @property
    def reads_images(self) -> bool:
        """Whether any expert of the method reads images; if not, images of products are not looked at."""
        return bool(self._image_readers)

    @property
    def _image_readers(self) -> set[str]:
        readers = self.manifest.method.readers(self.experiment)
        return {name for name, modality in readers.items() if modality in READERS["image"]}

    def check_share(self, image_share: float | None) -> None:
        """Raise InputError if `image_share` is no share, or if the method is not on demand."""
        if image_share is None:
            return
        if not self.asks:
            raise InputError(
                f"--image-share: the method {self.manifest.method.name} always runs all of its experts; a share can be "
                "asked for if the submitted method is a policy of kind on_demand"
            )
        if not 0 <= image_share <= 1:
            raise InputError(f"--image-share {image_share}: give a share from 0 to 1, such as 0.3")

    def predict(
        self, products: pd.DataFrame | str | Path, images: str | Path | None = None, image_share: float | None = None
    ) -> pd.DataFrame:
        """Return a row for each product, in their order; index: id.

        `products` is a table, or the file of one, with `title` and, if there are any, `id` (else its index is taken),
        `description` and `image`, a path relative to the folder `images` (several: a list, or a text as in the
        catalogue); usual names, such as `sku` and `name`, will do. Empty cells mean that there is none. Columns:
        `label`, `confidence`, and those of the two next classes; for each expert that can read the product the label
        that it would give; `agree`, the number of experts that give the label; `problem`, why an image could not be
        used; `unusual`, why the product is unlike all labelled ones (`predictor.unusual`), else "". Raises InputError
        if a column is missing or an id is not unique.

        Of products with several labels, `label` is a list, the most probable first, `confidence` is that of the first,
        `confidences` a list of all; `next_labels` and `next_confidences` are lists of the three next classes; each
        expert has a list; `agree` counts the experts whose first label is the first one.

        If the method is a policy of kind `on_demand`, its cheap experts run for all products, and the others for those
        that have `asked`. `image_share`: the share of the labelled products that would have been asked for; None: as in
        the config. Images that no expert reads are not looked at: they have no `problem` and are not `unusual`. Raises
        InputError for another method.
        """
        reading = self.read(products, images)
        preds, probs = self.decide(reading, image_share)
        rows, store = reading.products.visible()
        reasons = pd.Series(self.unusual.reasons(rows, store), rows.index, dtype="str")
        table = self._describe(reading, preds, probs).assign(problem=reading.products.problems, unusual=reasons)
        return table.assign(asked=self._asked(reading)) if self.asks else table

    def predict_proba(
        self, products: pd.DataFrame | str | Path, images: str | Path | None = None, image_share: float | None = None
    ) -> pd.DataFrame:
        """Return the calibrated (N, C) probabilities; index: id, columns: the classes. Arguments as of `predict`."""
        reading = self.read(products, images)
        _, probs = self.decide(reading, image_share)
        return pd.DataFrame(probs, reading.products.rows.index, self.classes)

    def read(self, products: pd.DataFrame | str | Path, images: str | Path | None) -> Reading:
        """Return the products (as in `predict`), and what the experts that run for all of them give for them."""
        catalogue = self.experiment.catalogue
        rows = canonical_rows(products, catalogue)
        if not self.reads_images:
            rows = rows.assign(image=pd.Series(None, rows.index, dtype="str"))
        every_image = catalogue.images_per_product == "mean"
        read = Products(rows, images, every_image=every_image, num_classes=len(self.classes))
        everything = np.arange(len(read))
        if not self.looks_on_demand:
            read.look(everything)
        reading = Reading(read, self._experts if len(rows) else {}, self._image_readers)
        for name in self.cheap_experts:
            reading.read(name, everything)
        return reading

    def decide(self, reading: Reading, image_share: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the decisions and the calibrated (N, C) probabilities of products that were `read`.

        Those that lack something are decided by the reduced method; those whose image is looked at and cannot be used
        are among them.
        """
        self.check_share(image_share)
        products, frequencies = reading.products, np.array(self.manifest.frequencies, dtype=np.float32)
        probs = np.tile(frequencies, (len(products), 1))
        preds = decide(probs, several=self.several)
        left = np.ones(len(products), dtype=bool)
        while left.any():
            had_image = products.has_image
            for missing, group in self._groups(products):
                rows = np.flatnonzero(group & left)
                if len(rows):
                    preds[rows], probs[rows] = self._decide_alike(reading, rows, missing, image_share)
            left = had_image & ~products.has_image
        return preds, probs

    def _groups(self, products: Products) -> Iterator[tuple[str | None, np.ndarray]]:
        """Yield the (N,) masks of products by what they lack: nothing, an image, a text, both."""
        has_image, has_text = products.has_image, products.has_text
        yield None, has_image & has_text
        yield "image", has_text & ~has_image
        yield "text", has_image & ~has_text
        yield "both", ~has_image & ~has_text

    def _decide_alike(
        self, reading: Reading, rows: np.ndarray, missing: str | None, image_share: float | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the decisions and probabilities of products (row numbers) that all lack the same."""
        if missing == "both":
            probs = np.tile(np.array(self.manifest.frequencies, dtype=np.float32), (len(rows), 1))
            return decide(probs, several=self.several), probs
        method = self.method if missing is None else self.reduced.get(missing, self.method)
        share = image_share if method.asks else None
        return method.decide(lambda expert, numbers: reading.read(expert, rows[numbers]), len(rows), share)

    def _asked(self, reading: Reading) -> np.ndarray:
        """Return (N,): whether an expert has run for a product that does not run for all."""
        dear = [reading.ran(name) for name in self.experts if name not in self.cheap_experts]
        return np.any(dear, axis=0)

    def _describe(self, reading: Reading, preds: np.ndarray, probs: np.ndarray) -> pd.DataFrame:
        columns = decision_columns(preds, probs, self.classes)
        products, agree = reading.products, np.zeros(len(preds), dtype=int)
        has = {"image": products.has_image, "text": products.has_text}
        has["joint"] = has["image"] & has["text"]
        by_expert = {}
        for name in self.experts:
            table, reads = reading.table(name), has[self.experiment.modality(name)] & reading.ran(name)
            own = decide(table, several=self.several, thresholds=self.manifest.expert_thresholds.get(name, HALF))
            by_expert[f"{name}_label"] = label_cells(own, table, self.classes, reads)
            agree += reads & (first_labels(own) == first_labels(preds))
        return pd.DataFrame(columns | by_expert | {"agree": agree}, index=products.rows.index)

"""Shared state of a training run: experiment, dataset, images, accelerator; created lazily."""

from functools import cached_property
from pathlib import Path

import numpy as np
from accelerate import Accelerator

from latefusion.config import Experiment
from latefusion.experts.without_text import fill, frequencies, save_frequencies
from latefusion.images.cache import cached_images
from latefusion.images.store import ImageStore
from latefusion.metrics.f1 import split_scores
from latefusion.tables.dataset import Dataset, read_dataset
from latefusion.tables.probabilities import write_probs
from latefusion.training.loop import make_accelerator
from latefusion.utils.files import write_json


class Context:
    """Shared state of the jobs that one script runs; dataset and images are opened when first used."""

    def __init__(self, experiment: Experiment, whole: "Context | None" = None):
        """Make the context of an experiment; for the view of a fold, with the accelerator and images of the `whole`."""
        self.experiment, self._whole = experiment, whole
        self.accelerator: Accelerator = whole.accelerator if whole else make_accelerator(experiment.hardware)
        self._folds: dict[tuple[int, ...], Context] = {}

    def of_fold(self, *folds: int) -> "Context":
        """Return the context of the view of a fold; see `Experiment.of_fold`."""
        if folds not in self._folds:
            self._folds[folds] = Context(self.experiment.of_fold(*folds), self)
        return self._folds[folds]

    def of_dataset(self, dataset: Dataset) -> "Context":
        """Return the context of other labels or splits of the same products, with the same accelerator and images."""
        view = Context(self.experiment, self._whole or self)
        view.dataset = dataset
        return view

    @cached_property
    def dataset(self) -> Dataset:
        if self._whole is not None and self.experiment.held_out is not None:  # all views share the texts
            return self._whole.dataset.of_fold(*self.experiment.held_out)
        return read_dataset(self.experiment)

    @cached_property
    def images(self) -> ImageStore:
        if self._whole is not None:
            return self._whole.images
        with self.accelerator.main_process_first():
            return cached_images(self.experiment, self.dataset.products)

    def write_outputs(self, run_dir: Path, probs: dict[str, np.ndarray], facts: dict) -> None:
        """Write the outputs of an expert that was trained here, as `write_tables` does.

        Products without the text that it reads alone get class frequencies (`experts.without_text`).
        """
        field = self.experiment.network_of(run_dir.name).only_text
        if field is not None:
            instead = frequencies(self.dataset, field)
            save_frequencies(instead, run_dir)
            splits = self.dataset.evaluation_splits
            probs = {split: fill(probs[split], products, field, instead) for split, products in splits.items()}
        self.write_tables(run_dir, probs, facts)

    def write_tables(self, run_dir: Path, probs: dict[str, np.ndarray], facts: dict) -> None:
        """Write an expert's `<split>_probs.parquet`, and its scores on `fusion_split` and `facts` to `metrics.json`."""
        for split, products in self.dataset.evaluation_splits.items():
            write_probs(
                run_dir / f"{split}_probs.parquet", products.index, probs[split], self.dataset.classes,
                several=self.dataset.several,
            )  # fmt: skip
            if split == self.dataset.fusion_split:
                preds = self.dataset.decide(probs[split])
                facts = split_scores(split, self.dataset.targets(products), preds) | facts
        write_json(run_dir / "metrics.json", facts)

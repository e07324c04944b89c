"""Trained experts outside of their experiment: the files they need to predict, and prediction of any products.

An exported expert has a folder for each model that predicts test products: one, or in a cross-fitted experiment one
per fold, for experts that are not trained once more on all labelled products. Each kind has two functions in
`experts.kinds`: `export` writes such a folder, `open` reads one.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from torch.utils.data import Dataset

from latefusion.config import EndToEndJointExpert, ExpertConfig, Hardware, LateExpert
from latefusion.config.experiment import fold_name
from latefusion.experts.context import Context
from latefusion.experts.kinds import EXPERTS
from latefusion.experts.without_text import FILE, fill, load_frequencies
from latefusion.images.store import ImageStore
from latefusion.plan.records import verified
from latefusion.training.loaders import Collate
from latefusion.training.loop import map_dataset, predict_dataset
from latefusion.utils.files import atomic_write

WEIGHTS = "model.safetensors"
# From products (index: id; columns title, description, image) and their images to (N, C) probabilities.
Predict: TypeAlias = Callable[[pd.DataFrame, ImageStore], np.ndarray]


@dataclass(frozen=True)
class Opening:
    """What is needed to open an exported expert."""

    folder: Path  # of its files
    experts: Mapping[str, ExpertConfig]  # all of the experiment, by name
    num_classes: int
    accelerator: Accelerator
    hardware: Hardware
    several: bool = False  # whether products have several labels

    def predict(self, model: torch.nn.Module, dataset: Dataset, collate: Collate, batch_size: int) -> np.ndarray:
        """Return the (N, C) probabilities of a network that returns `probs`."""
        return predict_dataset(
            self.accelerator, model.eval(), dataset, collate, batch_size=batch_size, hardware=self.hardware
        )

    def features(
        self, model: torch.nn.Module, features: Callable[..., torch.Tensor], dataset: Dataset, collate: Collate,
        batch_size: int,
    ) -> np.ndarray:  # fmt: skip
        """Return the (N, F) features of a dataset; `features` maps a batch to (B, F) and belongs to `model`."""
        return map_dataset(
            self.accelerator, model, features, dataset, collate, batch_size=batch_size, hardware=self.hardware
        )


@dataclass(frozen=True)
class Restored:
    """The network of an exported expert, and how it reads products."""

    model: torch.nn.Module
    dataset: Callable[[pd.DataFrame, ImageStore], Dataset]
    collate: Collate
    batch_size: int


def export_expert(context: Context, name: str, folder: Path) -> None:
    """Write the models of an expert that predict test products to subfolders of `folder`."""
    experiment = context.experiment
    expert = experiment.experts[name]
    views = experiment.views_of_test(name)
    for view in views:
        own = context if view.held_out is None else context.of_fold(*view.held_out)
        target = folder / ("all" if view.held_out is None else fold_name(view.held_out))
        target.mkdir(parents=True)
        EXPERTS[expert.kind].require("export")(own, name, expert, target)
        if experiment.network_of(name).only_text is not None:
            copy_results(own, name, target, FILE)


def export_network(context: Context, expert: ExpertConfig, run_dir: Path, weights: Path, folder: Path) -> None:
    """Write a network that is built like an expert's, and is none, to a new folder, for `open` of the expert's kind.

    `run_dir`: where it was trained. `weights`: their file.
    """
    text = context.experiment.experts[expert.text] if isinstance(expert, EndToEndJointExpert) else expert
    export_inputs = EXPERTS[text.kind].function("export_inputs")
    with atomic_write(folder) as partial:
        partial.mkdir(parents=True)
        shutil.copyfile(weights, partial / WEIGHTS)
        if export_inputs is not None:
            export_inputs(context, text, run_dir, partial)


def open_expert(opening: Opening, name: str) -> Predict:
    """Return the function that predicts products with an exported expert: the mean over its models."""
    expert = opening.experts[name]
    open_model = EXPERTS[expert.kind].require("open")
    models = [
        _answering_without_text(replace(opening, folder=folder), expert, open_model)
        for folder in sorted(path for path in opening.folder.iterdir() if path.is_dir())
    ]
    if len(models) == 1:
        return models[0]
    return lambda products, images: np.mean([predict(products, images) for predict in models], axis=0)


def _answering_without_text(opening: Opening, expert: ExpertConfig, open_model: Callable) -> Predict:
    """Open a model; products without the text that it reads alone get class frequencies (`experts.without_text`)."""
    predict: Predict = open_model(opening, expert)
    parent = expert if expert.checkpoint_of is None else opening.experts[expert.checkpoint_of]
    field = parent.only_text
    if field is None:
        return predict
    instead = load_frequencies(opening.folder, opening.num_classes)
    return lambda products, images: fill(predict(products, images), products, field, instead)


def open_network(opening: Opening, expert: ExpertConfig) -> Predict:
    """Return the function that predicts products with the network that the kind's function `restore` returns."""
    network: Restored = EXPERTS[expert.kind].require("restore")(opening, expert)
    return lambda products, images: opening.predict(
        network.model, network.dataset(products, images), network.collate, network.batch_size
    )


def copy_results(context: Context, name: str, folder: Path, *files: str) -> None:
    """Copy files of an expert's run folder, after comparing them with the record of its job."""
    for file in files:
        shutil.copyfile(verified(context.experiment.expert_dir(name), file), folder / file)


def export_late(context: Context, name: str, expert: LateExpert, folder: Path) -> None:
    """Write what its parent needs, with its own weights."""
    parent = context.experiment.experts[expert.of]
    EXPERTS[parent.kind].require("export")(context, expert.of, parent, folder)
    copy_results(context, name, folder, WEIGHTS)


def open_late(opening: Opening, expert: LateExpert) -> Predict:
    """Return the function that predicts products: that of its parent, with its own weights."""
    parent = opening.experts[expert.of]
    return EXPERTS[parent.kind].require("open")(opening, parent)

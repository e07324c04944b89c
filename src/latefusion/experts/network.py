"""An expert that is a network: the model, how it reads products, and how it is fitted and predicts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset

from latefusion.config import Training
from latefusion.experts.context import Context
from latefusion.metrics.selection import CrossSelection
from latefusion.tables.label_issues import valid_targets
from latefusion.training.loaders import Collate, Data, eval_loader
from latefusion.training.loop import Fitted, compute, fit, predict_dataset


@dataclass(frozen=True)
class Network:
    """A network with its way of reading products."""

    model: torch.nn.Module
    param_groups: list[dict]  # "params" and optionally "lr_factor"
    train_set: Callable[[pd.DataFrame], Dataset]  # items by (index, epoch), augmented, with labels
    eval_set: Callable[[pd.DataFrame], Dataset]  # items by index, without labels
    collate: Collate
    trains_on: Callable[[pd.DataFrame], pd.DataFrame] = lambda products: products
    drop_last: bool = False


@dataclass(frozen=True)
class Validation:
    """The products that choose the epoch, and how."""

    products: pd.DataFrame
    selection: CrossSelection


def validation(context: Context, train_on: str) -> Validation:
    """Return the validation products; on `clean`, label issues that denoising removed have no say."""
    dataset = context.dataset
    products = dataset.part("valid")
    targets = valid_targets(context.experiment, dataset) if train_on == "clean" else dataset.targets(products)
    return Validation(products, CrossSelection(targets, dataset.choosing_folds(), len(dataset.classes)))


def fit_network(
    context: Context,
    network: Network,
    train: pd.DataFrame,
    valid: Validation | None,
    *,
    training: Training,
    run_dir: Path,
    name: str,
    section: str | None = None,
) -> Fitted:
    """Fit a network on products; without validation products the final epoch is kept.

    `section` is where the config has `training`: the `train` of the expert called `name`, unless it is given.
    """
    data = Data(
        train=network.train_set(network.trains_on(train)),
        collate=network.collate,
        valid=None if valid is None else network.eval_set(valid.products),
        selection=None if valid is None else valid.selection,
        drop_last=network.drop_last,
    )
    return fit(
        context.accelerator, network.model, network.param_groups, data,
        training=training, hardware=context.experiment.hardware, run_dir=run_dir, name=name,
        section=section or f"experts.{name}.train",
    )  # fmt: skip


def predict_products(context: Context, network: Network, products: pd.DataFrame, batch_size: int) -> np.ndarray:
    """Return (N, C) probabilities of products, in their order."""
    return predict_dataset(
        context.accelerator, network.model, network.eval_set(products), network.collate,
        batch_size=batch_size, hardware=context.experiment.hardware,
    )  # fmt: skip


def pooled_features(context: Context, network: Network, products: pd.DataFrame, batch_size: int) -> np.ndarray:
    """Return (N, F) float32: what the head of a text or image expert reads of products, in their order."""
    model = network.model.to(context.accelerator.device).eval()
    loader = eval_loader(
        context.accelerator, network.eval_set(products), network.collate, batch_size, context.experiment.hardware
    )
    return compute(context.accelerator, model.features, loader)

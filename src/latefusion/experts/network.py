"""Networks of experts: the model with its datasets and collate function, prediction, and pooled features."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset

from latefusion.experts.context import Context
from latefusion.images.several import only_first
from latefusion.training.loaders import Collate
from latefusion.training.loop import map_dataset, predict_dataset


@dataclass(frozen=True)
class Network:
    """A model with the datasets it reads; every kind of network expert builds one (see `experts.kinds`)."""

    model: torch.nn.Module
    param_groups: list[dict]  # "params" and optionally "lr_factor"
    train_set: Callable[[pd.DataFrame], Dataset]  # items by (index, epoch), augmented, with labels
    eval_set: Callable[[pd.DataFrame], Dataset]  # items by index, without labels
    collate: Collate
    # returns those of the given products that the network can be trained on, such as those with an image
    training_products: Callable[[pd.DataFrame], pd.DataFrame] = lambda products: products
    drop_last: bool = False  # drop a small last batch, which distorts batch normalisation
    facts: dict = field(default_factory=dict)  # for metrics.json


def predict_products(context: Context, network: Network, products: pd.DataFrame, batch_size: int) -> np.ndarray:
    """Return (N, C) probabilities of products, in their order."""
    return predict_dataset(
        context.accelerator, network.model, network.eval_set(products), network.collate,
        batch_size=batch_size, hardware=context.experiment.hardware,
    )  # fmt: skip


def pooled_features(context: Context, network: Network, products: pd.DataFrame, batch_size: int) -> np.ndarray:
    """Return (N, F) float32: the input of a text or image expert's class head, for products in their order.

    Of a product with several images it is that of the first.
    """
    dataset = network.eval_set(only_first(products))
    return map_dataset(
        context.accelerator, network.model, network.model.features, dataset, network.collate,
        batch_size=batch_size, hardware=context.experiment.hardware,
    )  # fmt: skip

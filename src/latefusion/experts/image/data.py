"""Datasets of product images: augmented for training, centre-cropped for evaluation."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import Dataset

from latefusion.config import ImageExpert, ImageInput
from latefusion.experts.context import Context
from latefusion.experts.exported import WEIGHTS, Opening, Restored, copy_results
from latefusion.experts.network import Network
from latefusion.images.augment import augment, centre_crop, training_transform
from latefusion.images.several import count_images, number_images
from latefusion.images.store import ImageStore
from latefusion.tables.label_issues import without_label_issues
from latefusion.utils.errors import InputError
from latefusion.utils.seeds import derive_seed
from latefusion.utils.weights import load_weights


class EvalImages(Dataset):
    """All images of products, resized and centre-cropped; `counts` (N,) are the numbers of items of each product."""

    def __init__(self, products: pd.DataFrame, store: ImageStore, image: ImageInput):
        self.counts, self.store, self.image = count_images(products), store, image
        self.items = number_images(products.index, self.counts)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict:
        id_, number = self.items[index]
        return {"images": centre_crop(self.store.read(id_, self.image.resize, number), self.image.crop)}


class TrainImages(Dataset):
    """Augmented images with labels. The augmentation depends on seed, epoch and product id only."""

    def __init__(self, products: pd.DataFrame, targets: np.ndarray, store: ImageStore, image: ImageInput, seed: int):
        self.ids, self.targets, self.store, self.image, self.seed = list(products.index), targets, store, image, seed
        self.transform = training_transform(image)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, key: tuple[int, int]) -> dict:
        index, epoch = key
        seed = derive_seed(self.seed, "augment", epoch, self.ids[index])
        image = augment(self.transform, self.store.load(self.ids[index]), seed)
        return {"images": image, "labels": self.targets[index]}


def collate(items: list[dict]) -> dict[str, torch.Tensor]:
    """Stack the items' arrays, key by key."""
    return {key: torch.from_numpy(np.stack([item[key] for item in items])) for key in items[0]}


def train_images(context: Context, expert: ImageExpert, products: pd.DataFrame) -> TrainImages:
    """Return the training set of an image expert."""
    targets = context.dataset.targets(products)
    return TrainImages(products, targets, context.images, expert.image, expert.require_training().seed)


def image_network(
    context: Context,
    expert: ImageExpert,
    model: nn.Module,
    param_groups: list[dict],
    train_set: Callable[[pd.DataFrame], Dataset],
) -> Network:
    """Return the network of an image expert: it is evaluated on centre crops, and trained on products with an image."""
    images = context.images  # opened by all processes together
    return Network(
        model=model,
        param_groups=param_groups,
        train_set=train_set,
        eval_set=lambda products: EvalImages(products, images, expert.image),
        collate=collate,
        training_products=lambda products: training_products(context, products, expert.train_on),
        drop_last=True,
    )


def training_products(context: Context, products: pd.DataFrame, train_on: str) -> pd.DataFrame:
    """Return those of `products` that have an image; `train_on="clean"` also drops the removed label issues."""
    kept = products[products["image"].notna()]
    if kept.empty:
        raise InputError("no training product has an image: remove the image experts, or set catalogue.columns.image")
    return without_label_issues(context.experiment, kept, train_on)


def export_image(context: Context, name: str, expert: ImageExpert, folder: Path) -> None:
    """Copy the weights."""
    copy_results(context, name, folder, WEIGHTS)


def restore_images(opening: Opening, expert: ImageExpert, model: nn.Module) -> Restored:
    """Load the exported weights into a network."""
    load_weights(model, opening.folder / WEIGHTS)
    return Restored(
        model=model,
        dataset=lambda products, images: EvalImages(products, images, expert.image),
        collate=collate,
        batch_size=expert.require_training().batch_size,
    )

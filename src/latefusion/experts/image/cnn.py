"""The image expert, stage 1: any timm network on single pictures."""

from pathlib import Path

import numpy as np
import pandas as pd
import timm
import torch
from timm.data import resolve_model_data_config
from torch import nn
from torch.utils.data import Dataset

from latefusion.config import CnnExpert, ImageInput
from latefusion.experts.context import Context
from latefusion.experts.loading import told
from latefusion.experts.network import Network
from latefusion.experts.training_products import training_products
from latefusion.images.augment import augment, centre_crop, training_transform
from latefusion.images.store import ImageStore
from latefusion.plan.pretrained import find_timm
from latefusion.plan.records import sound
from latefusion.utils.seeds import derive_seed
from latefusion.utils.weights import load_weights


class TimmBackbone(nn.Module):
    """A timm backbone that takes uint8 pictures as the loader gives them: (B, S, S, 3), normalised on the device."""

    def __init__(self, expert: CnnExpert, *, pretrained: bool):
        super().__init__()
        source = {}
        if pretrained:
            file = find_timm(expert.model)
            source = {"pretrained": True, "pretrained_cfg_overlay": {"file": str(file)} if file else None}
        with told(f"{expert.model}: timm cannot make it with model_args {expert.model_args}, or of these weights"):
            self.backbone = timm.create_model(expert.model, num_classes=0, **source, **expert.model_args)
        self.backbone.to(memory_format=torch.channels_last)
        normalisation = resolve_model_data_config(self.backbone)
        for name in ("mean", "std"):
            value = 255 * torch.tensor(normalisation[name]).view(1, 3, 1, 1)
            self.register_buffer(name, value, persistent=False)

    @property
    def num_features(self) -> int:
        """Channels of the feature map."""
        return self.backbone.num_features

    @property
    def pooled_size(self) -> int:
        return getattr(self.backbone, "head_hidden_size", self.backbone.num_features)

    def feature_map(self, images: torch.Tensor) -> torch.Tensor:
        """Return (B, F, h, w)."""
        pixels = images.permute(0, 3, 1, 2).float()  # a channels-last tensor, without a copy
        return self.backbone.forward_features((pixels - self.mean) / self.std)

    def pool(self, feature_map: torch.Tensor) -> torch.Tensor:
        return self.backbone.forward_head(feature_map, pre_logits=True)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the pooled features (B, pooled_size)."""
        return self.pool(self.feature_map(images))


class ImageClassifier(nn.Module):
    """Backbone, global pooling, linear head."""

    def __init__(self, net: TimmBackbone, num_classes: int):
        super().__init__()
        self.net = net
        self.head = nn.Linear(net.pooled_size, num_classes)

    @property
    def feature_size(self) -> int:
        return self.head.in_features

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Return what the head reads: (B, F)."""
        return self.net(images)

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        logits = self.head(self.features(images))  # (B, C)
        if labels is None:
            return {"logits": logits}
        return {"logits": logits, "loss": nn.functional.cross_entropy(logits, labels)}


class EvalImages(Dataset):
    """Pictures of products, resized and cropped in the centre."""

    def __init__(self, products: pd.DataFrame, store: ImageStore, image: ImageInput):
        self.ids, self.store, self.image = list(products.index), store, image

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict:
        return {"images": centre_crop(self.store.read(self.ids[index], self.image.resize), self.image.crop)}


class TrainImages(Dataset):
    """Labelled pictures, augmented by a draw that depends on seed, epoch and product alone."""

    def __init__(self, products: pd.DataFrame, targets: np.ndarray, store: ImageStore, image: ImageInput, seed: int):
        self.ids, self.targets, self.store, self.image, self.seed = list(products.index), targets, store, image, seed
        self.transform = training_transform(image)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, key: tuple[int, int]) -> dict:
        index, epoch = key
        seed = derive_seed(self.seed, "augment", epoch, self.ids[index])
        picture = augment(self.transform, self.store.picture(self.ids[index]), seed)
        return {"images": picture, "labels": self.targets[index]}


def collate(items: list[dict]) -> dict[str, torch.Tensor]:
    """Stack what the items hold, key by key."""
    return {key: torch.from_numpy(np.stack([item[key] for item in items])) for key in items[0]}


def train_images(context: Context, expert: CnnExpert, products: pd.DataFrame) -> TrainImages:
    targets = context.dataset.targets(products)
    return TrainImages(products, targets, context.images, expert.image, expert.train.seed)


def build(context: Context, expert: CnnExpert, run_dir: Path) -> Network:
    """Build the expert; it needs nothing of its run folder."""
    dataset, store = context.dataset, context.images
    goes_on = expert.start_from is not None
    net = TimmBackbone(context.experiment.stage_1(expert), pretrained=expert.pretrained and not goes_on)
    model = ImageClassifier(net, len(dataset.classes))
    if goes_on:
        load_weights(model, sound(context.run_dir(expert.start_from), "model.safetensors"))
    return Network(
        model=model,
        param_groups=[{"params": model.parameters()}],
        train_set=lambda products: train_images(context, expert, products),
        eval_set=lambda products: EvalImages(products, store, expert.image),
        collate=collate,
        trains_on=lambda products: training_products(context, products, expert.train_on),
        drop_last=True,
    )

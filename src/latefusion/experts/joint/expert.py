"""The joint expert: feature-level fusion of a text and an image expert, on frozen features or end to end.

Bi et al. tried both, after Zahavy et al., "Is a picture worth a thousand words? A Deep Multi-Modal Fusion Architecture
for Product Classification in e-commerce" (2016). Unlike the image experts, it also learns from products without an
image: it reads their text and a blank white image.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from accelerate.utils import set_seed
from torch import nn
from torch.utils.data import Dataset

from latefusion.config import EndToEndJointExpert, FrozenJointExpert, ImageExpert, JointExpert
from latefusion.experts.context import Context
from latefusion.experts.image.backbone import TimmBackbone, timm_layers
from latefusion.experts.image.data import collate as collate_arrays
from latefusion.experts.image.data import train_images
from latefusion.experts.joint.features import FeatureDataset, open_features
from latefusion.experts.joint.fusion import FusionHead
from latefusion.experts.kinds import build_network
from latefusion.experts.layers import backbone_groups
from latefusion.experts.network import Network
from latefusion.experts.text.pooling import Pooling
from latefusion.images.several import only_first
from latefusion.tables.label_issues import without_label_issues
from latefusion.training.loaders import Collate
from latefusion.training.objective import make_objective


class JointClassifier(nn.Module):
    """The networks of a text and an image expert with one fusion head; `pool` returns the features of the encoder."""

    def __init__(self, encoder: nn.Module, pool: Pooling, net: TimmBackbone, head: FusionHead):
        super().__init__()
        self.encoder, self.pool, self.net, self.head = encoder, pool, net, head

    def forward(
        self, text: dict[str, torch.Tensor], image: dict[str, torch.Tensor], labels: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """Take the inputs of the two experts' networks, as keyword arguments in `text` and `image`."""
        return self.head(self.pool(self.encoder, **text), self.net(**image), labels)


class Pairs(Dataset):
    """Products as inputs of two experts: dicts of `text`, `image` and, in training, `labels`."""

    def __init__(self, text: Dataset, image: Dataset):
        self.text, self.image, self.lengths = text, image, text.lengths

    def __len__(self) -> int:
        return len(self.text)

    def __getitem__(self, key: int | tuple[int, int]) -> dict:
        item = {"text": self.text[key], "image": self.image[key]}
        labels = [inputs.pop("labels") for inputs in item.values() if "labels" in inputs]  # equal for text and image
        return item | {"labels": labels[0]} if labels else item


def collate(items: list[dict], collate_text: Collate) -> dict:
    """Collate texts and images with the collate functions of their experts."""
    batch = {
        "text": collate_text([item["text"] for item in items]),
        "image": collate_arrays([item["image"] for item in items]),
    }
    if "labels" in items[0]:
        batch["labels"] = torch.from_numpy(np.asarray([item["labels"] for item in items]))
    return batch


def build(context: Context, expert: JointExpert, run_dir: Path) -> Network:
    """Build the network: on frozen features of its two trained experts, or end to end on their initial networks."""
    return BUILDERS[expert.features](context, expert, run_dir)


def _on_features(context: Context, expert: FrozenJointExpert, run_dir: Path) -> Network:
    """Build a fusion head on the two experts' frozen features."""
    dataset = context.dataset
    stores = open_features(context, expert.text), open_features(context, expert.image)
    set_seed(expert.train.seed)  # again: computing features has drawn random numbers, reading them from disk has not
    objective = make_objective(expert.train, several=dataset.several)
    model = FusionHead(expert, stores[0].size, stores[1].size, len(dataset.classes), objective)
    return Network(
        model=model,
        param_groups=[{"params": model.parameters()}],
        train_set=lambda products: FeatureDataset(*stores, products, dataset.targets(products)),
        eval_set=lambda products: FeatureDataset(*stores, products),
        collate=collate_arrays,
        training_products=lambda products: without_label_issues(context.experiment, products, expert.train_on),
    )


def _on_networks(context: Context, expert: EndToEndJointExpert, run_dir: Path) -> Network:
    """Build both experts' networks, untrained, with one fusion head.

    They use the joint expert's `train` section and run folder instead of their own.
    """
    experts = (context.experiment.experts[name] for name in (expert.text, expert.image))
    text_expert, image_expert = (one.model_copy(update={"train": expert.train}) for one in experts)
    assert isinstance(image_expert, ImageExpert)  # as the config has checked
    text, image = (build_network(context, one, run_dir) for one in (text_expert, image_expert))
    sizes = text.model.feature_size, image.model.feature_size
    objective = make_objective(expert.train, several=context.dataset.several)
    head = FusionHead(expert, *sizes, len(context.dataset.classes), objective)
    model = JointClassifier(text.model.encoder, text.model.pool, image.model.net, head)

    def train_set(products: pd.DataFrame) -> Pairs:
        return Pairs(text.train_set(products), train_images(context, image_expert, products))

    return Network(
        model=model,
        param_groups=[
            *backbone_groups(model.encoder, text.model.layers_of, expert.train),
            *backbone_groups(model.net, timm_layers, expert.train, lr_factor=expert.image_lr_factor),
            {"params": model.head.parameters(), "lr_factor": expert.head_lr_factor},
        ],
        train_set=train_set,
        eval_set=lambda products: Pairs(text.eval_set(products), image.eval_set(only_first(products))),
        collate=partial(collate, collate_text=text.collate),
        training_products=lambda products: without_label_issues(context.experiment, products, expert.train_on),
        drop_last=True,
        facts=text.facts,
    )


BUILDERS: dict[str, Callable[[Context, Any, Path], Network]] = {"frozen": _on_features, "end_to_end": _on_networks}

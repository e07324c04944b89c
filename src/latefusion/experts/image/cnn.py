"""Stage 1 of the image experts: any timm backbone with a linear class head."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from latefusion.config import CnnExpert
from latefusion.config.experts.image import stage_1
from latefusion.experts.context import Context
from latefusion.experts.exported import Opening, Restored
from latefusion.experts.image.backbone import TimmBackbone, timm_layers
from latefusion.experts.image.data import image_network, restore_images, train_images
from latefusion.experts.layers import backbone_groups, join_equal
from latefusion.experts.network import Network
from latefusion.plan.records import verified
from latefusion.training.objective import ONE_LABEL, Objective, make_objective, outputs
from latefusion.utils.weights import load_weights


class ImageClassifier(nn.Module):
    """Backbone, global pooling, linear head."""

    def __init__(self, net: TimmBackbone, num_classes: int, objective: Objective = ONE_LABEL):
        super().__init__()
        self.net, self.objective = net, objective
        self.head = nn.Linear(net.pooled_size, num_classes)

    @property
    def feature_size(self) -> int:
        return self.head.in_features

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Return the input of the class head, (B, F)."""
        return self.net(images)

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        logits = self.head(self.features(images))  # (B, C)
        return outputs(self.objective, logits, labels)


def build(context: Context, expert: CnnExpert, run_dir: Path) -> Network:
    """Build the network; with `start_from` it gets that expert's best weights. `run_dir` is not used."""
    pretrained = expert.pretrained and expert.start_from is None
    net = TimmBackbone(stage_1(context.experiment.experts, expert), pretrained=pretrained)
    objective = make_objective(expert.train, several=context.dataset.several)
    model = ImageClassifier(net, len(context.dataset.classes), objective)
    if expert.start_from is not None:
        load_weights(model, verified(context.experiment.expert_dir(expert.start_from), "model.safetensors"))
    head_group = {"params": list(model.head.parameters()), "lr_factor": expert.head_lr_factor}
    param_groups = join_equal([*backbone_groups(net, timm_layers, expert.train), head_group])
    return image_network(context, expert, model, param_groups, partial(train_images, context, expert))


def restore_cnn(opening: Opening, expert: CnnExpert) -> Restored:
    """Return the network of an exported expert."""
    net = TimmBackbone(stage_1(opening.experts, expert), pretrained=False)
    objective = make_objective(expert.train, several=opening.several)
    return restore_images(opening, expert, ImageClassifier(net, opening.num_classes, objective))


def preview(context: Context, expert: CnnExpert, products: pd.DataFrame) -> list[list[np.ndarray]]:
    """Return one row of images per product: the original, and two augmentations."""
    dataset = train_images(context, expert, products)
    return [
        [context.images.read(id_, expert.image.crop), *(dataset[(index, epoch)]["images"] for epoch in (0, 1))]
        for index, id_ in enumerate(products.index)
    ]

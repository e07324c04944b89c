"""The backbone of every image network: any timm model."""

import timm
import torch
from timm.data import resolve_model_data_config
from torch import nn

from latefusion.config import CnnExpert
from latefusion.plan.pretrained import find_timm
from latefusion.utils.errors import reported_as


class TimmBackbone(nn.Module):
    """A timm model without its classifier. It takes uint8 images (B, S, S, 3) and normalises them on the device."""

    def __init__(self, expert: CnnExpert, *, pretrained: bool):
        super().__init__()
        source = {}
        if pretrained:
            file = find_timm(expert.architecture)
            source = {"pretrained": True, "pretrained_cfg_overlay": {"file": str(file)} if file else None}
        with reported_as(
            f"{expert.model}: timm cannot build it with model_args {expert.model_args}, or cannot load its weights"
        ):
            self.backbone = timm.create_model(expert.architecture, num_classes=0, **source, **expert.model_args)
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
        """Size of the pooled features. It differs from `num_features` if timm's head has a hidden layer."""
        return getattr(self.backbone, "head_hidden_size", self.backbone.num_features)

    def feature_map(self, images: torch.Tensor) -> torch.Tensor:
        """Return the feature map (B, F, h, w)."""
        pixels = images.permute(0, 3, 1, 2).float()  # a channels-last tensor, without a copy
        return self.backbone.forward_features((pixels - self.mean) / self.std)

    def pool(self, feature_map: torch.Tensor) -> torch.Tensor:
        """Pool a feature map to (B, pooled_size)."""
        return self.backbone.forward_head(feature_map, pre_logits=True)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the pooled features (B, pooled_size)."""
        return self.pool(self.feature_map(images))

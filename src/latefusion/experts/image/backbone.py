"""The backbone of every image network: any timm model."""

import timm
import torch
from timm.data import resolve_model_data_config
from timm.models._manipulate import group_with_matcher
from torch import nn

from latefusion.config import CnnExpert
from latefusion.experts.layers import Layers
from latefusion.plan.pretrained import find_timm
from latefusion.utils.errors import InputError, reported_as


class TimmBackbone(nn.Module):
    """A timm model without its classifier. It takes uint8 images (B, S, S, 3) and normalises them on the device."""

    def __init__(self, expert: CnnExpert, *, pretrained: bool):
        super().__init__()
        source, file = {}, None
        if pretrained:
            file = find_timm(expert.architecture)
            source = {"pretrained": True, "pretrained_cfg_overlay": {"file": str(file)} if file else None}
        with reported_as(
            f"{expert.model}: timm cannot build it with model_args {expert.model_args}, or cannot load its weights"
            f"{'' if file is None else f' from {file}'}"
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


def timm_layers(net: TimmBackbone) -> Layers:
    """Return the layers of a timm model: the groups that its own `group_matcher` defines, as fine as they are.

    These are the layers of timm's own layer-wise learning-rate decay: for most models one per block, with a last
    convolution or normalisation in the group of the last block. The first group, the stem, is below the layers; what
    belongs to no group is above them. The fully connected layers of VGG before its class head, which belong to no
    group, are its last layers. Raises InputError if the model defines no groups.
    """
    model = net.backbone
    if not hasattr(model, "group_matcher"):
        raise InputError(
            f"timm defines no layers of a {type(model).__name__} (group_matcher): set train.trainable to all and "
            "train.layer_decay to 1"
        )
    # No pattern matches the empty name. So the last group is of what belongs to no other, even if that is nothing else.
    named = [*model.named_parameters(), ("", None)]
    groups = group_with_matcher(named, model.group_matcher(coarse=False), return_values=True)
    below, *layers, above = ([one for one in groups[number] if one is not None] for number in sorted(groups))
    hidden = _hidden_layers(model)
    is_hidden = {parameter for layer in hidden for parameter in layer}
    return Layers(below, [*layers, *hidden], [parameter for parameter in above if parameter not in is_hidden])


def _hidden_layers(model: nn.Module) -> list[list[nn.Parameter]]:
    """Return the parameters of each fully connected layer before the class head: VGG's fc6 and fc7."""
    children = getattr(model, "pre_logits", nn.Identity()).children()
    return [parameters for child in children if (parameters := list(child.parameters()))]

"""Weights on disk: safetensors, written whole."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from latefusion.files import whole


def save_weights(weights: dict[str, torch.Tensor], path: Path) -> None:
    """Write a state dict."""
    with whole(path) as partial:
        save_file({key: value.contiguous() for key, value in weights.items()}, partial)


def load_weights(model: nn.Module, path: Path) -> None:
    model.load_state_dict(load_file(path))

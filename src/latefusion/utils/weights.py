"""Weights on disk: safetensors, written whole, for all who may read the folder."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from latefusion.utils.files import atomic_write


def save_weights(weights: dict[str, torch.Tensor], path: Path) -> None:
    """Write a state dict."""
    with atomic_write(path) as partial:
        partial.touch()
        mode = partial.stat().st_mode  # by the umask; safetensors lets nobody but the owner read its files
        save_file({key: value.contiguous() for key, value in weights.items()}, partial)
        partial.chmod(mode)


def load_weights(model: nn.Module, path: Path) -> None:
    model.load_state_dict(load_file(path))

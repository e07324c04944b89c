"""Save and load network weights as safetensors files, written atomically."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from latefusion.utils.files import atomic_write, usual_mode


def save_weights(weights: dict[str, torch.Tensor], path: Path) -> None:
    """Write a state dict, with the file permissions that the umask gives."""
    with atomic_write(path) as partial:
        mode = usual_mode(partial)
        save_file({key: value.contiguous() for key, value in weights.items()}, partial)
        partial.chmod(mode)


def load_weights(model: nn.Module, path: Path) -> None:
    model.load_state_dict(load_file(path))

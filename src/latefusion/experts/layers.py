"""Partly frozen backbones: which layers are trained (`train.trainable`), and how fast (`train.layer_decay`).

Layer-wise learning-rate decay is that of Clark et al., "ELECTRA" (ICLR 2020), and Bao et al., "BEiT" (ICLR 2022).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import nn

from latefusion.config import BackboneTraining
from latefusion.utils.errors import InputError

Parameters = list[nn.Parameter]


@dataclass(frozen=True)
class Layers:
    """The parameters of a backbone by depth. Each parameter is in exactly one list."""

    below: Parameters  # below the first layer: the embeddings of an encoder, the stem of a CNN
    layers: list[Parameters]  # lowest first
    above: Parameters  # above the last layer: a pooler, a last normalisation


LayersOf = Callable[[nn.Module], Layers]  # raises InputError if the layers of a backbone are not known


def check_layers(backbone: nn.Module, layers_of: LayersOf, training: BackboneTraining) -> None:
    """Raise InputError if the backbone has fewer layers than are to be trained, or if its layers are not known."""
    if _needs_layers(training):
        _trained_layers(layers_of(backbone), training)


def backbone_groups(
    backbone: nn.Module, layers_of: LayersOf, training: BackboneTraining, *, lr_factor: float = 1.0
) -> list[dict]:
    """Freeze the layers that are not trained; return the parameter groups of the others, lowest layer first.

    What is above the last layer is trained with the heads, at the learning rate of the backbone. What is below the
    first layer is trained with `trainable: all` only. A backbone that is trained as a whole and at one learning rate
    is one group. Raises InputError as `check_layers` does.
    """
    if not _needs_layers(training):
        return [{"params": list(backbone.parameters()), "lr_factor": lr_factor}]
    trained = _trained_layers(layers_of(backbone), training)
    is_trained = {parameter for params in trained for parameter in params}
    for parameter in backbone.parameters():
        if parameter not in is_trained:
            parameter.requires_grad_(False)
    groups = [
        {"params": params, "lr_factor": lr_factor * training.layer_decay**distance}
        for distance, params in enumerate(trained)
        if params
    ]
    return join_equal(reversed(groups))


def join_equal(groups: Iterable[dict]) -> list[dict]:
    """Join successive parameter groups of the same learning rate."""
    joined: list[dict] = []
    for group in groups:
        if joined and joined[-1]["lr_factor"] == group["lr_factor"]:
            joined[-1] = joined[-1] | {"params": [*joined[-1]["params"], *group["params"]]}
        else:
            joined.append(group)
    return joined


def _needs_layers(training: BackboneTraining) -> bool:
    return training.trainable != "all" or training.layer_decay < 1


def _trained_layers(layers: Layers, training: BackboneTraining) -> list[Parameters]:
    """Return the parameters to train by their distance from the heads: index 0 is what is above the last layer."""
    top_down, trainable = [layers.above, *reversed(layers.layers)], training.trainable
    if trainable == "all":
        return [*top_down, layers.below]
    if trainable == "head":
        return [layers.above]
    if trainable > len(layers.layers):
        raise InputError(
            f"train.trainable {trainable}: the backbone has {len(layers.layers)} layers; give at most as many, or all"
        )
    return top_down[: 1 + trainable]

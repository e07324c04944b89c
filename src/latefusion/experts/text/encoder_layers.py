"""The layers of a Hugging Face encoder of any architecture, found by its structure."""

from collections.abc import Iterator

from torch import nn

from latefusion.experts.layers import Layers, Parameters
from latefusion.utils.errors import InputError


def encoder_layers(encoder: nn.Module) -> Layers:
    """Return the layers of an encoder: the entries of its list of layers, an `nn.ModuleList`.

    Modules that the encoder registers after its layers are above them (a pooler, a last normalisation); all else is
    below (embeddings, their projection, position biases that all layers share). An architecture that keeps the parts of
    its layers in several lists (XLM) has as layer i the i-th entries of them. One that shares weights between layers
    (ALBERT) has fewer layers here than it computes. Raises InputError if there is no list of layers.
    """
    lists = dict(_outermost_lists(encoder))
    if not lists:
        raise InputError(
            f"the layers of a {encoder.config.model_type} encoder are not known: set train.trainable to all and "
            "train.layer_decay to 1"
        )
    depth = getattr(encoder.config, "num_hidden_layers", None)
    found = {name: entries for name, entries in lists.items() if len(entries) == depth}
    if not found:
        largest = max(lists, key=lambda name: sum(parameter.numel() for parameter in lists[name].parameters()))
        found = {largest: lists[largest]}
    layers = [
        [parameter for entry in entries for parameter in entry.parameters()]
        for entries in zip(*found.values(), strict=True)
    ]
    holders = {name.partition(".")[0] for name in found}
    above = _parameters_after(encoder, holders)
    placed = {parameter for parameters in (*layers, above) for parameter in parameters}
    return Layers([parameter for parameter in encoder.parameters() if parameter not in placed], layers, above)


def _outermost_lists(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.ModuleList]]:
    """Yield the names and lists of modules that are not part of another list."""
    for name, child in module.named_children():
        if isinstance(child, nn.ModuleList):
            yield prefix + name, child
        else:
            yield from _outermost_lists(child, f"{prefix}{name}.")


def _parameters_after(encoder: nn.Module, holders: set[str]) -> Parameters:
    """Return the parameters of the modules that the encoder registers after the last of `holders`."""
    names = [name for name, _ in encoder.named_children()]
    last = max(names.index(name) for name in holders)
    return [parameter for name in names[last + 1 :] for parameter in getattr(encoder, name).parameters()]

"""Check that an image network can be built and can read images of its input size, before anything is trained."""

from collections.abc import Callable

import torch
from torch import nn

from latefusion.config import CnnExpert, DclExpert, Experiment, ImageProbe
from latefusion.config.experts.image import stage_1
from latefusion.experts.meta import on_meta
from latefusion.plan.timm_names import check_timm_name

N_CLASSES = 2  # any number: it changes no other shape
Backbones = dict[str, nn.Module]  # a cache; the key is the timm name with its model_args


def check_cnn(experiment: Experiment, expert: CnnExpert, backbones: Backbones) -> None:
    """Raise InputError if the network cannot be built, or has fewer layers than are to be trained."""

    def classifier(net: nn.Module) -> nn.Module:
        from latefusion.experts.image.cnn import ImageClassifier

        return ImageClassifier(net, N_CLASSES)

    _check(experiment, expert, backbones, classifier)


def check_dcl(experiment: Experiment, expert: DclExpert, backbones: Backbones) -> None:
    """Raise InputError as `check_cnn` does, or if the feature map does not fit the grid."""

    def classifier(net: nn.Module) -> nn.Module:
        from latefusion.experts.image.dcl import DclClassifier

        return DclClassifier(net, N_CLASSES, expert)

    _check(experiment, expert, backbones, classifier)


def check_image_probe(experiment: Experiment, expert: ImageProbe, backbones: Backbones) -> None:
    """Raise InputError if the network cannot be built, or cannot read images of one of the sizes."""
    for size in expert.sizes:
        _check(experiment, expert.network(size), backbones, lambda net: net, size_key="sizes")


def _check(
    experiment: Experiment,
    expert: CnnExpert | DclExpert,
    backbones: Backbones,
    classifier: Callable[[nn.Module], nn.Module],
    *,
    size_key: str = "image.crop",
) -> None:
    first = stage_1(experiment.experts, expert)
    check_timm_name(first.architecture)
    from latefusion.experts.image.backbone import TimmBackbone, timm_layers  # after the name check: takes seconds
    from latefusion.experts.layers import check_layers

    key = f"{first.model} {first.model_args}"
    if key not in backbones:
        backbones[key] = on_meta(
            lambda: TimmBackbone(first, pretrained=False),
            f"timm cannot build {first.model} with the model_args {first.model_args}",
        )
    check_layers(backbones[key], timm_layers, expert.train)
    side = expert.image_input.crop

    def read_image() -> None:
        classifier(backbones[key]).eval()(torch.zeros(1, side, side, 3, dtype=torch.uint8))

    on_meta(read_image, f"{first.model} cannot read images of {side} pixels ({size_key})")

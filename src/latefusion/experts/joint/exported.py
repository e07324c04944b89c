"""Joint experts outside of their experiment: with the networks of their text and image expert.

Of a joint expert on frozen features, the two experts' exported files are in `text/` and `image/`.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from latefusion.config import EndToEndJointExpert, FrozenJointExpert, ImageExpert, JointExpert
from latefusion.config.experts.image import stage_1
from latefusion.experts.context import Context
from latefusion.experts.exported import WEIGHTS, Opening, Restored, copy_results
from latefusion.experts.image.backbone import TimmBackbone
from latefusion.experts.image.data import EvalImages
from latefusion.experts.joint.expert import JointClassifier, Pairs, collate
from latefusion.experts.joint.fusion import FusionHead
from latefusion.experts.kinds import EXPERTS
from latefusion.images.several import only_first
from latefusion.training.objective import make_objective
from latefusion.utils.weights import load_weights


class FrozenPair(nn.Module):
    """The trained networks of a text and an image expert, with the fusion head on their features."""

    def __init__(self, text: nn.Module, image: nn.Module, head: FusionHead):
        super().__init__()
        self.text, self.image, self.head = text, image, head

    def forward(self, text: dict[str, torch.Tensor], image: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Take the inputs of the two experts' networks, as keyword arguments in `text` and `image`."""
        # in fp32, as features that are read from disk are
        features = self.text.features(**text).float(), self.image.features(**image).float()
        return self.head(*features)


def export_joint(context: Context, name: str, expert: JointExpert, folder: Path) -> None:
    """Write the weights, and what the networks of the two experts need."""
    copy_results(context, name, folder, WEIGHTS)
    experts = context.experiment.experts
    if isinstance(expert, EndToEndJointExpert):
        text = experts[expert.text]
        export_inputs = EXPERTS[text.kind].require("export_inputs")
        export_inputs(context, text, context.experiment.expert_dir(name), folder)
        return
    for modality, source in {"text": expert.text, "image": expert.image}.items():
        (folder / modality).mkdir()
        EXPERTS[experts[source].kind].require("export")(context, source, experts[source], folder / modality)


def restore_joint(opening: Opening, expert: JointExpert) -> Restored:
    """Return the network of an exported expert."""
    return RESTORE[expert.features](opening, expert)


def _restore_frozen(opening: Opening, expert: FrozenJointExpert) -> Restored:
    text, image = (
        EXPERTS[opening.experts[source].kind].require("restore")(
            replace(opening, folder=opening.folder / modality), opening.experts[source]
        )
        for modality, source in {"text": expert.text, "image": expert.image}.items()
    )
    objective = make_objective(expert.train, several=opening.several)
    head = FusionHead(expert, text.model.feature_size, image.model.feature_size, opening.num_classes, objective)
    load_weights(head, opening.folder / WEIGHTS)
    return Restored(
        model=FrozenPair(text.model, image.model, head),
        dataset=lambda products, images: Pairs(
            text.dataset(products, images), image.dataset(only_first(products), images)
        ),
        collate=partial(collate, collate_text=text.collate),
        batch_size=min(text.batch_size, image.batch_size),
    )


def _restore_end_to_end(opening: Opening, expert: EndToEndJointExpert) -> Restored:
    text_expert, image_expert = opening.experts[expert.text], opening.experts[expert.image]
    assert isinstance(image_expert, ImageExpert)  # as the config has checked
    text: Restored = EXPERTS[text_expert.kind].require("restore_untrained")(opening, text_expert)
    net = TimmBackbone(stage_1(opening.experts, image_expert), pretrained=False)
    objective = make_objective(expert.train, several=opening.several)
    head = FusionHead(expert, text.model.feature_size, net.pooled_size, opening.num_classes, objective)
    model = JointClassifier(text.model.encoder, text.model.pool, net, head)
    load_weights(model, opening.folder / WEIGHTS)
    return Restored(
        model=model,
        dataset=lambda products, images: Pairs(
            text.dataset(products, images), EvalImages(only_first(products), images, image_expert.image)
        ),
        collate=partial(collate, collate_text=text.collate),
        batch_size=expert.train.batch_size,
    )


RESTORE: dict[str, Callable[[Opening, Any], Restored]] = {"frozen": _restore_frozen, "end_to_end": _restore_end_to_end}

"""Stage 2 of the image experts: destruction and construction learning (DCL), from the weights of a stage-1 network.

Chen et al., "Destruction and Construction Learning for Fine-grained Image Recognition", CVPR 2019. The network reads
every image twice: intact, and destroyed (with its tiles shuffled). Three losses share one backbone: the class of both
images (`cls_loss`), whether an image is intact or destroyed (`adv_loss`), and the original location of each tile
(`loc_loss`).
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import nn

from latefusion.config import DclExpert
from latefusion.config.experts.image import stage_1
from latefusion.experts.context import Context
from latefusion.experts.exported import Opening, Restored
from latefusion.experts.image.backbone import TimmBackbone, timm_layers
from latefusion.experts.image.data import TrainImages, image_network, restore_images
from latefusion.experts.image.destruction import nearest_mean, neighbour_permutation, rearrange, reconstruct
from latefusion.experts.layers import backbone_groups
from latefusion.experts.network import Network
from latefusion.plan.records import verified
from latefusion.training.objective import ONE_LABEL, Objective, make_objective, outputs
from latefusion.utils.errors import InputError
from latefusion.utils.seeds import derive_seed


class DclClassifier(nn.Module):
    """Backbone with class, adversarial and construction heads; only the construction head has a bias."""

    def __init__(self, net: TimmBackbone, num_classes: int, expert: DclExpert, objective: Objective = ONE_LABEL):
        super().__init__()
        self.net, self.expert, self.num_classes, self.objective = net, expert, num_classes, objective
        adv_classes = 2 if expert.adversarial == "cls_2" else 2 * num_classes
        self.class_head = nn.Linear(net.pooled_size, num_classes, bias=False)
        self.adv_head = nn.Linear(net.pooled_size, adv_classes, bias=False)
        self.loc_head = nn.Sequential(nn.Conv2d(net.num_features, 1, kernel_size=1), nn.AvgPool2d(self._map_pooling()))

    def heads(self) -> list[nn.Parameter]:
        """Return the parameters of the three heads."""
        return [*self.class_head.parameters(), *self.adv_head.parameters(), *self.loc_head.parameters()]

    @property
    def feature_size(self) -> int:
        return self.class_head.in_features

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Return the input of the class head, (B, F)."""
        return self.net(images)

    def forward(
        self,
        images: torch.Tensor,
        destroyed: torch.Tensor | None = None,
        permutation: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """Return `logits` (B, C) of (B, S, S, 3) uint8 images.

        With `labels` (training), also take the destroyed copies and the (B, grid²) permutation; return the losses, and
        logits (2B, C) of the intact images followed by the destroyed ones.
        """
        if labels is None:
            return outputs(self.objective, self._evaluation_logits(self.features(images)))
        feature_map = self.net.feature_map(torch.cat([images, destroyed]))  # (2B, F, h, w), intact images first
        pooled = self.net.pool(feature_map)
        logits = self.class_head(pooled)
        losses = {
            "cls_loss": self.objective.loss(logits, torch.cat([labels, labels])),
            "adv_loss": nn.functional.cross_entropy(self.adv_head(pooled), self.adversarial_targets(labels)),
            "loc_loss": nn.functional.l1_loss(self._locations(feature_map), location_targets(permutation)),
        }
        weighted = self.expert.adv_weight * losses["adv_loss"] + self.expert.loc_weight * losses["loc_loss"]
        return {"logits": logits, "loss": losses["cls_loss"] + weighted} | losses

    def adversarial_targets(self, labels: torch.Tensor) -> torch.Tensor:
        """Return (2B,) targets: `cls_2` has intact 1, destroyed 0; `cls_mul` has intact y, destroyed y + C."""
        if self.expert.adversarial == "cls_2":
            intact = torch.ones(len(labels), dtype=torch.int64, device=labels.device)
            return torch.cat([intact, torch.zeros_like(intact)])
        return torch.cat([labels, labels + self.num_classes])

    def _evaluation_logits(self, pooled: torch.Tensor) -> torch.Tensor:
        """Return (B, C); `cls_mul` adds both halves of the adversarial head's logits to those of the class head."""
        logits = self.class_head(pooled)
        if self.expert.adversarial == "cls_2":
            return logits
        intact, destroyed = self.adv_head(pooled).split(self.num_classes, dim=1)
        return logits + intact + destroyed

    def _locations(self, feature_map: torch.Tensor) -> torch.Tensor:
        return self.loc_head(feature_map).flatten(1).tanh()  # (2B, grid²)

    @torch.no_grad()
    def _map_pooling(self) -> int:
        """Return the side of a tile in feature-map cells. Raises InputError if the grid does not divide the map."""
        crop, grid = self.expert.image.crop, self.expert.grid
        was_training = self.net.training
        shape = self.net.eval().feature_map(torch.zeros(1, crop, crop, 3, dtype=torch.uint8)).shape
        self.net.train(was_training)
        side = shape[-1]
        if len(shape) != 4 or shape[1:] != (self.net.num_features, side, side):
            raise InputError(f"the backbone of '{self.expert.start_from}' has no square feature map; DCL needs a CNN")
        if side % grid:
            raise InputError(
                f"grid {grid} does not fit: a crop of {crop} gives a feature map of {side} x {side}, and {side} is "
                f"not a multiple of {grid}; change grid or image.crop, or the backbone's model_args.output_stride"
            )
        return side // grid


def location_targets(permutation: torch.Tensor) -> torch.Tensor:
    """Return (2B, grid²) targets in (-0.5, 0.5): each tile's scaled original index, intact images first."""
    n_tiles = permutation.shape[1]
    intact = torch.arange(n_tiles, device=permutation.device).expand_as(permutation)
    return (torch.cat([intact, permutation]) - (n_tiles - 1) / 2) / n_tiles


class DclImages(TrainImages):
    """Augmented images, each with its destroyed copy and the permutation that made it, or a guess of it."""

    def __init__(self, *args, expert: DclExpert):
        super().__init__(*args)
        self.expert = expert

    def __getitem__(self, key: tuple[int, int]) -> dict:
        item = super().__getitem__(key)
        index, epoch = key
        rng = np.random.default_rng(derive_seed(self.seed, "destroy", epoch, self.ids[index]))
        permutation = neighbour_permutation(self.expert.grid, self.expert.neighbourhood, rng)
        destroyed = rearrange(item["images"], permutation)
        if self.expert.location_targets == "nearest_mean":
            permutation = nearest_mean(item["images"], destroyed, self.expert.grid)
        return item | {"destroyed": destroyed, "permutation": permutation}


def train_images(context: Context, expert: DclExpert, products: pd.DataFrame) -> DclImages:
    """Return the training set of a DCL expert."""
    targets = context.dataset.targets(products)
    return DclImages(products, targets, context.images, expert.image, expert.train.seed, expert=expert)


def build(context: Context, expert: DclExpert, run_dir: Path) -> Network:
    """Build the network with the weights of its stage-1 expert. `run_dir` is not used."""
    net = TimmBackbone(stage_1(context.experiment.experts, expert), pretrained=False)
    objective = make_objective(expert.train, several=context.dataset.several)
    model = DclClassifier(net, len(context.dataset.classes), expert, objective)
    _start_from(model, verified(context.experiment.expert_dir(expert.start_from), "model.safetensors"))
    param_groups = [
        *backbone_groups(net, timm_layers, expert.train),
        {"params": model.heads(), "lr_factor": expert.head_lr_factor},
    ]
    return image_network(context, expert, model, param_groups, partial(train_images, context, expert))


def restore_dcl(opening: Opening, expert: DclExpert) -> Restored:
    """Return the network of an exported expert."""
    net = TimmBackbone(stage_1(opening.experts, expert), pretrained=False)
    objective = make_objective(expert.train, several=opening.several)
    return restore_images(opening, expert, DclClassifier(net, opening.num_classes, expert, objective))


def preview(context: Context, expert: DclExpert, products: pd.DataFrame) -> list[list[np.ndarray]]:
    """Return one row of images per product: the original, two augmentations, the second destroyed, and reconstructed.

    With the tracked permutation the reconstruction equals the second augmentation; with guessed locations it shows the
    errors of the guess.
    """
    dataset, rows = train_images(context, expert, products), []
    for index, id_ in enumerate(products.index):
        first, second = dataset[(index, 0)], dataset[(index, 1)]
        again = reconstruct(second["destroyed"], second["permutation"])
        original = context.images.read(id_, expert.image.crop)
        rows.append([original, first["images"], second["images"], second["destroyed"], again])
    return rows


def _start_from(model: DclClassifier, path: Path) -> None:
    """Load the backbone of stage 1 and the weight of its class head. The bias is dropped: DCL's class head has none."""
    weights = load_file(path)
    model.class_head.load_state_dict({"weight": weights.pop("head.weight")})
    del weights["head.bias"]
    model.net.load_state_dict({key.removeprefix("net."): value for key, value in weights.items()})

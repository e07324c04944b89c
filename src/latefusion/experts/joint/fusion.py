"""Feature-level fusion: the pooled features of text and image are fused to one vector, the input of a class head.

Bi et al. name three methods, "concatenation, summation and even by means of attention mechanism", without a formula.
The attention here is the attention over modalities of Hori et al., "Attention-Based Multimodal Fusion for Video
Description" (ICCV 2017), without their decoder state: each modality is projected and scored, and the fused vector is
the mean of the projections, weighted by the softmax of the scores.
"""

from collections.abc import Callable

import torch
from torch import nn

from latefusion.config import JointExpert
from latefusion.training.objective import ONE_LABEL, Objective, outputs


class Concat(nn.Module):
    """Concatenate both, then apply a hidden layer with ReLU."""

    def __init__(self, text_size: int, image_size: int, width: int):
        super().__init__()
        self.hidden = nn.Linear(text_size + image_size, width)

    def forward(self, text: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Fuse (B, text_size) and (B, image_size) into (B, width)."""
        return self.hidden(torch.cat([text, image], dim=1)).relu()


class Sum(nn.Module):
    """Project both to the same width, apply tanh, and sum.

    Without the tanh, the sum would be the same as one linear layer on the concatenation.
    """

    def __init__(self, text_size: int, image_size: int, width: int):
        super().__init__()
        self.text, self.image = nn.Linear(text_size, width), nn.Linear(image_size, width)

    def project(self, text: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """Return (B, 2, width), text first, between -1 and 1, so that neither modality dominates by its scale."""
        return torch.stack([self.text(text), self.image(image)], dim=1).tanh()

    def forward(self, text: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        return self.project(text, image).sum(dim=1)


class Attention(Sum):
    """Project both to the same width and score them; return the mean weighted by the softmax of the two scores."""

    def __init__(self, text_size: int, image_size: int, width: int):
        super().__init__(text_size, image_size, width)
        self.score = nn.Linear(width, 1, bias=False)  # shared by both modalities: a bias would cancel in the softmax

    def weights(self, projected: torch.Tensor) -> torch.Tensor:
        """Return (B, 2): the weights of each product's text and image, which sum to one."""
        return self.score(projected).squeeze(-1).softmax(dim=-1)

    def forward(self, text: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        projected = self.project(text, image)
        return (self.weights(projected)[..., None] * projected).sum(dim=1)


FUSIONS: dict[str, Callable[[int, int, int], nn.Module]] = {"concat": Concat, "sum": Sum, "attention": Attention}


class FusionHead(nn.Module):
    """Fusion, dropout, linear class head."""

    def __init__(
        self,
        expert: JointExpert,
        text_size: int,
        image_size: int,
        num_classes: int,
        objective: Objective = ONE_LABEL,
    ):
        super().__init__()
        self.objective = objective
        self.fusion = FUSIONS[expert.fusion](text_size, image_size, expert.hidden_size)
        self.head = nn.Sequential(nn.Dropout(expert.dropout), nn.Linear(expert.hidden_size, num_classes))

    def forward(
        self, text: torch.Tensor, image: torch.Tensor, labels: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """Return `logits` (B, C), with `labels` also `loss`, of features (B, text_size) and (B, image_size)."""
        return outputs(self.objective, self.head(self.fusion(text, image)), labels)

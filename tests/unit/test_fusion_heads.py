"""Heads that fuse the features of a text and an image."""

import pytest
import torch
from helpers.configs import TINY_FROZEN
from torch import nn

from latefusion.config import FrozenJointExpert
from latefusion.experts.joint.fusion import FUSIONS, FusionHead


@pytest.mark.parametrize("fusion", FUSIONS)
def test_any_fusion_makes_one_vector_of_two_that_both_can_change(fusion):
    torch.manual_seed(0)
    fuse = FUSIONS[fusion](6, 10, 4)
    text, image = torch.rand(3, 6), torch.rand(3, 10)
    fused = fuse(text, image)
    assert fused.shape == (3, 4)
    for other in (fuse(text + 1, image), fuse(text, image + 1)):
        assert not torch.allclose(fused, other)


def test_attention_weights_sum_to_one_and_lie_on_what_scores_higher():
    torch.manual_seed(0)
    fuse = FUSIONS["attention"](6, 10, 4)
    projected = fuse.project(torch.rand(3, 6), torch.rand(3, 10))
    weights = fuse.weights(projected)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3))
    nn.init.zeros_(fuse.score.weight)
    torch.testing.assert_close(fuse.weights(projected), torch.full((3, 2), 0.5))
    with torch.no_grad():
        fuse.score.weight.copy_(100 * (projected[0, 1] - projected[0, 0]))
    assert fuse.weights(projected)[0, 1] > 0.99
    torch.testing.assert_close((fuse.weights(projected)[..., None] * projected).sum(1)[0], projected[0, 1])


@pytest.mark.parametrize("fusion", FUSIONS)
def test_fused_features_tell_apart_what_either_alone_cannot(fusion):
    """Four classes: text knows the first bit of the class, the image the second."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (400,), generator=rng)
    text, image = (
        torch.randn(400, size, generator=rng) + 3 * bit[:, None] for size, bit in ((5, labels // 2), (7, labels % 2))
    )
    text, image = (torch.cat([known, torch.randn(400, 3, generator=rng)], dim=1) for known in (text, image))

    def accuracy(text: torch.Tensor, image: torch.Tensor) -> float:
        torch.manual_seed(0)
        expert = FrozenJointExpert(**TINY_FROZEN | {"fusion": fusion})
        model = FusionHead(expert, text.shape[1], image.shape[1], 4)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
        for _ in range(100):
            model(text[:300], image[:300], labels[:300])["loss"].backward()
            optimizer.step()
            optimizer.zero_grad()
        preds = model.eval()(text[300:], image[300:])["logits"].argmax(dim=1)
        return (preds == labels[300:]).float().mean().item()

    nothing = torch.zeros_like
    assert accuracy(text, image) > 0.95
    assert accuracy(text, nothing(image)) < 0.6
    assert accuracy(nothing(text), image) < 0.6

"""Destruction and construction: the permutation tells exactly what was done, and targets follow from it."""

import cv2
import numpy as np
import pytest
import torch

from latefusion.config import CnnExpert, DclExpert, ImageInput
from latefusion.experts.image.backbone import TimmBackbone
from latefusion.experts.image.dcl import DclClassifier, location_targets
from latefusion.experts.image.destruction import (
    displacements,
    nearest_mean,
    neighbour_permutation,
    rearrange,
    rearrange_as_released,
    reconstruct,
    wrong_guesses,
)
from latefusion.utils.errors import InputError

TINY = CnnExpert(model="resnet10t", pretrained=False, model_args={"channels": (8, 8, 8, 8), "output_stride": 16})


def image(side: int = 28) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("grid", [2, 4, 7])
@pytest.mark.parametrize("neighbourhood", [2, 3])
def test_the_permutation_inverts_the_destruction(grid, neighbourhood):
    permutation = neighbour_permutation(grid, neighbourhood, np.random.default_rng(1))
    assert sorted(permutation) == list(range(grid * grid))
    destroyed = rearrange(image(), permutation)
    assert not np.array_equal(destroyed, image())
    assert np.array_equal(rearrange(destroyed, np.argsort(permutation)), image())


def test_each_position_shows_the_tile_that_the_permutation_names():
    permutation = neighbour_permutation(7, 2, np.random.default_rng(2))
    destroyed = rearrange(image(), permutation)
    for position, tile in enumerate(permutation):
        shown = destroyed[4 * (position // 7) :, 4 * (position % 7) :][:4, :4]
        assert np.array_equal(shown, image()[4 * (tile // 7) :, 4 * (tile % 7) :][:4, :4])


def test_tiles_wander_among_neighbours_as_published():
    for shares in displacements(7, 2, 10_000, np.random.default_rng(3)):  # along a row, along a column
        assert shares.sum() == pytest.approx(1)
        assert shares[0] == pytest.approx(0.32, abs=0.01)
        assert shares[1] == pytest.approx(0.57, abs=0.01)
        assert 0 < shares[6] < 0.01


def test_the_bound_is_a_choice():
    rng = np.random.default_rng(4)
    assert np.array_equal(neighbour_permutation(5, 1, rng), np.arange(25))
    staying = {
        bound: np.mean([neighbour_permutation(7, bound, rng) == np.arange(49) for _ in range(200)]) for bound in (2, 4)
    }
    assert staying[4] < staying[2]


def test_the_guess_by_colour_is_right_where_colours_differ_and_wrong_on_a_white_background():
    permutation = neighbour_permutation(4, 2, np.random.default_rng(5))
    colours = np.arange(16, dtype=np.uint8).reshape(4, 4).repeat(7, 0).repeat(7, 1)[..., None].repeat(3, 2)
    assert np.array_equal(nearest_mean(colours, rearrange(colours, permutation), 4), permutation)
    white = np.full_like(colours, 255)
    assert not np.array_equal(nearest_mean(white, rearrange(white, permutation), 4), permutation)


def test_an_image_is_put_together_by_where_its_tiles_come_from():
    permutation = neighbour_permutation(7, 2, np.random.default_rng(6))
    assert np.array_equal(reconstruct(rearrange(image(), permutation), permutation), image())
    all_first = reconstruct(image(), np.zeros(4, dtype=int))  # a guess in which all tiles claim the first position
    assert np.array_equal(all_first[:14, :14], image()[14:, 14:])
    assert (all_first[14:] == 128).all()


def test_released_destruction_moves_the_same_tiles_but_resamples_them():
    permutation = neighbour_permutation(4, 2, np.random.default_rng(7))
    smooth = cv2.resize(image(8), (224, 224), interpolation=cv2.INTER_CUBIC)
    released, exact = rearrange_as_released(smooth, permutation), rearrange(smooth, permutation)
    assert released.shape == exact.shape
    assert not np.array_equal(released, exact)
    middles = [np.abs(released[28::56, 28::56].astype(int) - other[28::56, 28::56]).mean() for other in (exact, smooth)]
    assert middles[0] < 0.5 * middles[1]
    unbordered = rearrange_as_released(smooth, permutation, border=0)  # nothing to cut, nothing to resample
    assert np.array_equal(unbordered, exact)


def test_the_guess_is_wrong_more_often_on_resampled_tiles():
    permutation = neighbour_permutation(7, 2, np.random.default_rng(8))
    shades = np.linspace(120, 255, 224).astype(np.uint8)
    slope = np.broadcast_to(shades[:, None, None], (224, 224, 3)).copy()
    slope[:, :, 0] = shades  # a background that fades to white, as on product shots
    ours, released = wrong_guesses(slope, permutation)
    assert ours < released


def model(**settings) -> DclClassifier:
    image = ImageInput(resize=64, crop=64)
    expert = DclExpert(kind="dcl", start_from="x", image=image, **({"grid": 4} | settings))
    return DclClassifier(TimmBackbone(TINY, pretrained=False), 3, expert)


def batch(size: int = 2) -> dict[str, torch.Tensor]:
    images = torch.randint(0, 256, (size, 64, 64, 3), dtype=torch.uint8)
    permutation = torch.stack([torch.randperm(16) for _ in range(size)])
    return {"images": images, "destroyed": images, "permutation": permutation, "labels": torch.tensor([2, 0])}


def test_both_copies_have_the_label_and_the_adversarial_targets_differ():
    outputs = model()(**batch())
    assert outputs["logits"].shape == (4, 3)
    labels = torch.tensor([2, 0])
    assert model().adversarial_targets(labels).tolist() == [1, 1, 0, 0]
    assert model(adversarial="cls_mul").adversarial_targets(labels).tolist() == [2, 0, 5, 3]


def test_losses_add_up_by_their_weights():
    outputs = model(adv_weight=0.5, loc_weight=0.25)(**batch())
    expected = outputs["cls_loss"] + 0.5 * outputs["adv_loss"] + 0.25 * outputs["loc_loss"]
    assert torch.allclose(outputs["loss"], expected)


def test_location_targets_are_the_tracked_indices_centred():
    permutation = torch.randperm(49)[None]
    targets = location_targets(permutation)
    assert torch.allclose(targets[0], (torch.arange(49) - 24) / 49)
    assert torch.allclose(targets[1], (permutation[0] - 24) / 49)


def test_evaluation_of_cls_mul_adds_both_halves():
    network = model(adversarial="cls_mul").eval()
    images = batch()["images"]
    pooled = network.net.pool(network.net.feature_map(images))
    halves = network.adv_head(pooled)
    expected = network.class_head(pooled) + halves[:, :3] + halves[:, 3:]
    assert torch.allclose(network(images)["logits"], expected)


def test_a_grid_that_does_not_fit_the_feature_map_is_refused():
    with pytest.raises(InputError, match="feature map of 4 x 4"):
        model(grid=8)


def test_heads_learn_faster_than_the_backbone():
    network = model()
    heads = {id(parameter) for parameter in network.heads()}
    backbone = {id(parameter) for parameter in network.net.parameters()}
    assert heads | backbone == {id(parameter) for parameter in network.parameters()}
    assert not heads & backbone


def test_without_destruction_and_further_losses_dcl_is_plain_fine_tuning():
    """The same batch, once through DCL with both copies alike, once through the backbone and the class head alone."""
    torch.manual_seed(0)
    network = model(neighbourhood=1, adv_weight=0.0, loc_weight=0.0)
    images = torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8)
    labels = torch.tensor([0, 1, 2, 0])
    unmoved = torch.arange(16).expand(4, 16)
    network(images, destroyed=images, permutation=unmoved, labels=labels)["loss"].backward()
    shared = [*network.net.parameters(), *network.class_head.parameters()]
    gradients = [parameter.grad.clone() for parameter in shared]
    network.zero_grad()
    logits = network.class_head(network.net.pool(network.net.feature_map(images)))
    torch.nn.functional.cross_entropy(logits, labels).backward()
    for gradient, parameter in zip(gradients, shared, strict=True):
        torch.testing.assert_close(gradient, parameter.grad, atol=1e-4, rtol=1e-3)

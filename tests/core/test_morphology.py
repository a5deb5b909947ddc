"""Soft morphology against pooling and loops."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.core.morphology import contour, cross_mean, dilate, erode, soft_skeleton


def image(*shape: int) -> Tensor:
    rng = torch.Generator().manual_seed(sum(shape))
    return torch.rand(*shape, generator=rng, dtype=torch.float64)


def pooled_erosion(plane: Tensor) -> Tensor:
    plane = -plane.unsqueeze(1)
    tall = F.max_pool2d(plane, (3, 1), 1, (1, 0))
    wide = F.max_pool2d(plane, (1, 3), 1, (0, 1))
    return -torch.maximum(tall, wide).squeeze(1)


def pooled_dilation(plane: Tensor) -> Tensor:
    return F.max_pool2d(plane.unsqueeze(1), 3, 1, 1).squeeze(1)


def pooled_skeleton(plane: Tensor, iterations: int) -> Tensor:
    """The paper's algorithm, line by line."""
    skeleton = F.relu(plane - pooled_dilation(pooled_erosion(plane)))
    for _ in range(iterations):
        plane = pooled_erosion(plane)
        ridge = F.relu(plane - pooled_dilation(pooled_erosion(plane)))
        skeleton = skeleton + F.relu(ridge - skeleton * ridge)
    return skeleton


@pytest.mark.parametrize("size", [(5, 7), (1, 6), (2, 2), (1, 1), (2, 9)])
def test_erosion_and_dilation_are_poolings(size: tuple[int, int]) -> None:
    plane = image(3, *size)
    torch.testing.assert_close(erode(plane), pooled_erosion(plane), rtol=0, atol=0)
    torch.testing.assert_close(dilate(plane), pooled_dilation(plane), rtol=0, atol=0)


def test_a_volume_is_dilated_along_all_its_axes() -> None:
    volume = image(2, 4, 5, 3)
    expected = F.max_pool3d(volume.unsqueeze(1), 3, 1, 1).squeeze(1)
    torch.testing.assert_close(dilate(volume), expected, rtol=0, atol=0)


@pytest.mark.parametrize("size", [(9, 8), (1, 7), (2, 3)])
def test_the_skeleton_is_the_paper_s_in_value_and_gradient(size: tuple[int, int]) -> None:
    ours, theirs = (image(2, *size).requires_grad_() for _ in range(2))
    found, expected = soft_skeleton(ours, 3), pooled_skeleton(theirs, 3)
    torch.testing.assert_close(found, expected)
    toward = image(2, *size)
    (slope,) = torch.autograd.grad((found * toward).sum(), ours)
    (expected_slope,) = torch.autograd.grad((expected * toward).sum(), theirs)
    torch.testing.assert_close(slope, expected_slope)


def test_the_skeleton_has_second_derivatives() -> None:
    plane = image(1, 4, 5).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda each: soft_skeleton(each, 1), plane)


def test_the_skeleton_of_a_thick_line_is_its_middle() -> None:
    plane = torch.zeros(1, 9, 20)
    plane[0, 3:6, :] = 1
    middle = torch.zeros(1, 9, 20)
    middle[0, 4, :] = 1
    assert torch.equal(soft_skeleton(plane, 3)[..., 2:-2], middle[..., 2:-2])


def test_the_contour_is_within_the_mask_and_not_at_the_edge_of_the_image() -> None:
    mask = torch.zeros(1, 5, 6, dtype=torch.bool)
    mask[0, 1:5, 1:5] = True
    expected = mask.clone()
    expected[0, 2:5, 2:4] = False
    assert torch.equal(contour(mask), expected)


def test_cross_mean_is_a_convolution() -> None:
    plane = image(2, 6, 5)
    cross = torch.tensor([[0.0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=torch.float64) / 5
    expected = F.conv2d(plane.unsqueeze(1), cross[None, None], padding=1).squeeze(1)
    torch.testing.assert_close(cross_mean(plane), expected)

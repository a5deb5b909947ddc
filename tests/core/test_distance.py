"""The distance transform against scipy's, and what is promised at its edges."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from pl_losses.core import distance
from pl_losses.core.distance import (
    border_closeness,
    border_distance,
    distance_inside,
    signed_distance,
)

SPACES = [(1,), (2,), (17,), (9, 14), (33, 21), (1, 8), (6, 7, 5)]


def masks(space: tuple[int, ...], share: float, count: int = 3) -> Tensor:
    rng = torch.Generator().manual_seed(len(space) + sum(space))
    images = torch.rand(count, *space, generator=rng) < share
    images.view(count, -1)[:, 0] = False
    return images


def by_scipy(images: Tensor, spacing: tuple[float, ...] | None = None) -> Tensor:
    maps = [ndimage.distance_transform_edt(image.numpy(), sampling=spacing) for image in images]
    return torch.from_numpy(np.stack(maps))


@pytest.mark.parametrize("share", [0.2, 0.9, 0.99])
@pytest.mark.parametrize("space", SPACES, ids=str)
def test_distances_are_those_of_scipy(space: tuple[int, ...], share: float) -> None:
    images = masks(space, share)
    found = distance_inside(images, dtype=torch.float64)
    torch.testing.assert_close(found, by_scipy(images), rtol=1e-12, atol=0)


def test_distances_in_single_precision_are_exact_but_for_the_root() -> None:
    images = torch.ones(1, 300, 280, dtype=torch.bool)
    images[0, 3, 7] = False
    squared = distance_inside(images).double().square()
    torch.testing.assert_close(squared, by_scipy(images).square(), rtol=2e-7, atol=0)


def test_spacing_stretches_the_axes() -> None:
    images, spacing = masks((9, 6, 7), 0.97), (2.5, 1.0, 0.5)
    found = distance_inside(images, spacing, torch.float64)
    torch.testing.assert_close(found, by_scipy(images, spacing), rtol=1e-12, atol=0)


@pytest.mark.parametrize("block", [1, 1 << 25])
@pytest.mark.parametrize("share", [0.2, 0.9, 0.99])
def test_the_way_of_accelerators_finds_the_same_distances(
    share: float, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, spacing = masks((6, 11, 9), share), (0.5, 1.5, 1.0)
    images[1] = True
    expected = distance_inside(images, spacing)
    monkeypatch.setattr(distance, "BLOCK", block)
    monkeypatch.setattr(distance, "eager_on_cpu", lambda *_: False)
    torch.testing.assert_close(distance_inside(images, spacing), expected, rtol=0, atol=0)


def test_a_mask_without_an_outside_has_no_distance() -> None:
    full = torch.ones(2, 4, 5, dtype=torch.bool)
    assert (distance_inside(full) == 0).all()
    assert (border_distance(full) == 0).all()
    assert (border_distance(~full) == 0).all()
    assert (border_closeness(full, border_distance(full)) == 0).all()


def test_images_do_not_see_each_other() -> None:
    images = masks((8, 8), 0.9)
    images[1] = True
    together = distance_inside(images)
    torch.testing.assert_close(together[:1], distance_inside(images[:1]), rtol=0, atol=0)
    assert (together[1] == 0).all()


@pytest.mark.parametrize("shape", [(0, 4, 4), (2, 0, 3)])
def test_nothing_has_no_distance(shape: tuple[int, ...]) -> None:
    assert border_distance(torch.zeros(shape, dtype=torch.bool)).shape == shape


def test_border_distance_is_measured_from_both_sides() -> None:
    images = masks((12, 15), 0.4)
    expected = by_scipy(images) + by_scipy(~images)
    torch.testing.assert_close(border_distance(images, dtype=torch.float64), expected)


def test_signed_distance_is_that_of_the_boundary_paper_s_code() -> None:
    images = masks((12, 15), 0.4)
    inside, outside = by_scipy(images), by_scipy(~images)
    expected = outside * ~images - (inside - 1) * images
    found = signed_distance(images, border_distance(images, dtype=torch.float64))
    torch.testing.assert_close(found, expected)


def test_closeness_is_that_of_the_loss_odyssey_s_code() -> None:
    images = torch.zeros(1, 12, 15, dtype=torch.bool)
    images[0, 3:9, 4:12] = True
    expected = torch.zeros(1, 12, 15, dtype=torch.float64)
    for side in (images, ~images):
        far = by_scipy(side)
        inverted = (far.max() - far) * side
        expected += inverted / inverted.max()
    found = border_closeness(images, border_distance(images, dtype=torch.float64))
    torch.testing.assert_close(found, expected)


def test_distances_compile_into_one_graph() -> None:
    images = masks((7, 9), 0.9)
    torch._dynamo.reset()
    compiled = torch.compile(distance_inside, fullgraph=True, backend="aot_eager", dynamic=False)
    torch.testing.assert_close(compiled(images), distance_inside(images))


def test_distances_run_on_the_meta_device() -> None:
    assert border_distance(torch.zeros(2, 5, 6, dtype=torch.bool, device="meta")).shape == (2, 5, 6)


def test_a_spacing_of_another_length_is_an_error() -> None:
    message = r"`spacing` must have one number for each of the 2 spatial axes; got \[1.0\]\."
    with pytest.raises(ValueError, match=message):
        distance_inside(torch.ones(1, 4, 4, dtype=torch.bool), [1.0])

"""Distance losses against the papers' formulas, with scipy's distances."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from pl_losses.core.distance import border_distance
from pl_losses.losses import LOSSES

kinds = pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
NAMES = ["boundary", "hausdorff_dt", "distance_cross_entropy", "shape_aware_cross_entropy"]
MAPPED = [*NAMES, "distance_dice"]


def batch(kind: str, space: tuple[int, ...] = (8, 9)) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(11)
    classes = 1 if kind == "binary" else 3
    logits = torch.randn(2, classes, *space, generator=rng, dtype=torch.float64)
    if kind == "multiclass":
        return logits, torch.randint(classes, (2, *space), generator=rng)
    return logits, torch.randint(2, logits.shape, generator=rng)


def maps(kind: str, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return probabilities and truth, ``(N, C, *)``."""
    if kind == "multiclass":
        return logits.softmax(1), F.one_hot(target, logits.shape[1]).movedim(-1, 1).double()
    return logits.sigmoid(), target.double()


def each_image(formula: Callable[[np.ndarray], np.ndarray], images: Tensor) -> Tensor:
    """Apply a formula of a mask to each sample and class."""
    flat = images.detach().flatten(0, 1).numpy() > 0.5
    return torch.from_numpy(np.stack([formula(mask) for mask in flat])).view(images.shape)


def edt(mask: np.ndarray) -> np.ndarray:
    return ndimage.distance_transform_edt(mask)


def unsigned(mask: np.ndarray) -> np.ndarray:
    return edt(mask) + edt(~mask) if 0 < mask.mean() < 1 else np.zeros(mask.shape)


def signed(mask: np.ndarray) -> np.ndarray:
    return edt(~mask) * ~mask - (edt(mask) - 1) * mask if 0 < mask.mean() < 1 else 0.0 * mask


def closeness(mask: np.ndarray) -> np.ndarray:
    near = np.zeros(mask.shape)
    for side in (mask, ~mask):
        far = edt(side)
        span = max(far.max() - far[side].min(), 1e-9)
        near += (1 - (far - far[side].min()) / span) * side
    return near


def surprise(kind: str, logits: Tensor, target: Tensor) -> Tensor:
    if kind == "multiclass":
        return F.cross_entropy(logits, target, reduction="none")
    return F.binary_cross_entropy_with_logits(logits, target.double(), reduction="none")


def of_own_class(kind: str, field: Tensor, truth: Tensor) -> Tensor:
    return (field * truth).sum(1) if kind == "multiclass" else field


def assert_same(value: Tensor, expected: Tensor, logits: Tensor) -> None:
    torch.testing.assert_close(value, expected)
    (slope,) = torch.autograd.grad(value, logits)
    (expected_slope,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(slope, expected_slope)


@kinds
@pytest.mark.parametrize("space", [(8, 9), (4, 5, 6), (12,)], ids=str)
def test_boundary_is_the_formula_s(kind: str, space: tuple[int, ...]) -> None:
    logits, target = batch(kind, space)
    logits.requires_grad_()
    pred, truth = maps(kind, logits, target)
    expected = (pred * each_image(signed, truth)).mean()
    value = LOSSES.build("boundary", labels=kind)(logits, target)
    assert_same(value, expected, logits)


@kinds
@pytest.mark.parametrize("space", [(8, 9), (4, 5, 6)], ids=str)
def test_hausdorff_by_distances_is_the_formula_s(kind: str, space: tuple[int, ...]) -> None:
    logits, target = batch(kind, space)
    logits.requires_grad_()
    pred, truth = maps(kind, logits, target)
    cost = each_image(unsigned, pred) ** 1.5 + each_image(unsigned, truth) ** 1.5
    expected = ((pred - truth) ** 2 * cost).mean()
    value = LOSSES.build("hausdorff_dt", labels=kind, alpha=1.5)(logits, target)
    assert_same(value, expected, logits)


@kinds
def test_distance_cross_entropy_really_uses_the_distance(kind: str) -> None:
    logits, target = batch(kind)
    logits.requires_grad_()
    _, truth = maps(kind, logits, target)
    factor = 1 + of_own_class(kind, each_image(closeness, truth), truth)
    plain = surprise(kind, logits, target)
    value = LOSSES.build("distance_cross_entropy", labels=kind)(logits, target)
    assert_same(value, (factor * plain).mean(), logits)
    assert value > 1.2 * plain.mean()


@kinds
def test_distance_dice_is_dice_of_weighed_places(kind: str) -> None:
    logits, target = batch(kind)
    logits.requires_grad_()
    pred, truth = (each.flatten(2) for each in maps(kind, logits, target))
    d = 1 + each_image(closeness, truth.view(*truth.shape[:2], 8, 9)).flatten(2)
    both = (d * pred * truth).sum(-1)
    expected = 1 - (2 * both + 1) / ((d * pred).sum(-1) + (d * truth).sum(-1) + 1)
    value = LOSSES.build("distance_dice", labels=kind, smooth=1.0)(logits, target)
    assert_same(value, expected.mean(), logits)


@kinds
def test_shape_aware_cross_entropy_is_the_formula_s(kind: str) -> None:
    logits, target = batch(kind)
    logits.requires_grad_()
    _, truth = maps(kind, logits, target)
    error = of_own_class(kind, each_image(signed, truth).abs(), truth)
    expected = ((1 + error) * surprise(kind, logits, target)).mean()
    value = LOSSES.build("shape_aware_cross_entropy", labels=kind)(logits, target)
    assert_same(value, expected, logits)


def test_shape_aware_cross_entropy_of_a_contour_counts_wrong_places() -> None:
    target = torch.zeros(1, 1, 7, 9)
    target[..., 2:5, 2:5] = 1
    logits = -torch.ones(1, 1, 7, 9)
    logits[..., 2:5, 4:7] = 1  # three places to the right: two columns of three are wrong
    off = torch.from_numpy(signed(target[0, 0].numpy() > 0.5)).abs()
    border = torch.zeros(7, 9, dtype=torch.bool)
    border[2:5, 4:7] = True
    border[3, 5] = False
    error = off[border].mean()
    wrong = (logits > 0) != (target > 0.5)
    expected = surprise("binary", logits, target).double() * (1 + error * wrong)
    loss = LOSSES.build("shape_aware_cross_entropy", labels="binary", coefficient="contour")
    torch.testing.assert_close(loss(logits, target).double(), expected.mean(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", ["distance_cross_entropy", "shape_aware_cross_entropy"])
def test_an_image_without_a_border_has_plain_cross_entropy(name: str) -> None:
    logits, _ = batch("binary")
    for target in (torch.zeros(2, 8, 9), torch.ones(2, 8, 9)):
        expected = LOSSES.build("cross_entropy", labels="binary")(logits, target)
        torch.testing.assert_close(LOSSES.build(name, labels="binary")(logits, target), expected)


@kinds
@pytest.mark.parametrize("name", MAPPED)
def test_distances_may_be_computed_beforehand(name: str, kind: str) -> None:
    logits, target = batch(kind)
    _, truth = maps(kind, logits, target)
    distance = border_distance(truth.flatten(0, 1) > 0.5).view(truth.shape)
    loss = LOSSES.build(name, labels=kind)
    expected = loss(logits, target)
    torch.testing.assert_close(loss(logits, target, distance=distance), expected)
    if kind == "binary":
        torch.testing.assert_close(loss(logits, target, None, distance[:, 0]), expected)
    other = torch.rand(distance.shape, generator=torch.Generator().manual_seed(2)) + 1
    assert loss(logits, target, distance=other) != expected


@pytest.mark.parametrize("name", MAPPED)
def test_distances_of_another_shape_are_an_error(name: str) -> None:
    logits, target = batch("multiclass")
    message = r"`distance` must have shape \(2, 3, 8, 9\); got shape \(2, 1, 8, 9\)"
    with pytest.raises(ValueError, match=message):
        LOSSES.build(name, labels="multiclass")(logits, target, distance=torch.ones(2, 8, 9))


@pytest.mark.parametrize("name", ["boundary", "hausdorff_dt"])
def test_spacing_is_the_unit_of_distances(name: str) -> None:
    logits, target = batch("binary")
    near, far = (LOSSES.build(name, labels="binary", spacing=[s, s]) for s in (1.0, 2.0))
    factor = 2 if name == "boundary" else 4
    torch.testing.assert_close(far(logits, target), factor * near(logits, target))


@pytest.mark.parametrize("name", ["boundary", "hausdorff_dt", "hausdorff_erosion"])
def test_the_background_can_be_left_out(name: str) -> None:
    logits, target = batch("multiclass", (9, 9))
    target[:, 2:7, 2:7] = 2
    loss = LOSSES.build(name, labels="multiclass", include_background=False)
    pred, truth = maps("multiclass", logits, target)
    apart = LOSSES.build(name, labels={"kind": "multilabel", "from_logits": False})
    expected = apart(pred[:, 1:], truth[:, 1:])
    torch.testing.assert_close(loss(logits, target), expected)
    if name != "hausdorff_erosion":
        distance = border_distance(truth.flatten(0, 1) > 0.5).view(truth.shape)
        torch.testing.assert_close(loss(logits, target, distance=distance), expected)


def test_what_is_predicted_where_the_target_is_ignored_has_no_border() -> None:
    logits, target = batch("binary")
    ignored = target.clone()
    ignored[:, :, 2:5, 3:7] = -1
    loss = LOSSES.build("hausdorff_dt", labels={"kind": "binary", "ignore_index": -1})
    changed = logits.clone()
    changed[:, :, 2:5, 3:7] *= -1
    torch.testing.assert_close(loss(changed, ignored), loss(logits, ignored), rtol=0, atol=0)


def erosions(error: Tensor) -> Tensor:
    """The known implementations' loop over convolutions, for planes ``(B, 1, H, W)``."""
    cross = torch.tensor([[0.0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=error.dtype) / 5
    total = torch.zeros_like(error)
    for k in range(10):
        error = F.relu(F.conv2d(error, cross[None, None], padding=1) - 0.5)
        least, most = error.amin((2, 3), keepdim=True), error.amax((2, 3), keepdim=True)
        error = (error - least) / torch.where(most > least, most - least, 1.0)
        total = total + error * (k + 1) ** 2
    return total


@kinds
def test_hausdorff_by_erosions_is_the_formula_s(kind: str) -> None:
    logits, target = batch(kind, (9, 11))
    logits = 6 * logits.abs()
    logits.requires_grad_()
    pred, truth = maps(kind, logits, target)
    expected = erosions(((pred - truth) ** 2).flatten(0, 1).unsqueeze(1)).mean()
    value = LOSSES.build("hausdorff_erosion", labels=kind)(logits, target)
    torch.testing.assert_close(value, expected)
    (slope,) = torch.autograd.grad(value, logits)
    (expected_slope,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(slope, expected_slope)


def test_hausdorff_by_erosions_sees_a_large_error_and_not_a_dot() -> None:
    target = torch.zeros(1, 1, 16, 16)
    dot, block = -100 * torch.ones_like(target), -100 * torch.ones_like(target)
    dot[..., 8, 8] = 100
    block[..., 4:11, 4:11] = 100
    loss = LOSSES.build("hausdorff_erosion", labels="binary")
    assert loss(dot, target) == 0
    assert loss(block, target) > 1


def test_a_farther_error_costs_more() -> None:
    target = torch.zeros(1, 1, 20, 20)
    target[..., 5:9, 5:9] = 1
    for name in ("boundary", "hausdorff_dt"):
        loss = LOSSES.build(name, labels="binary")
        near, far = 20 * target - 10, 20 * target - 10
        near[..., 10, 7] = 10
        far[..., 18, 18] = 10
        assert loss(near, target) < loss(far, target)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("boundary", {"spacing": [1.0, 0.0]}, "`spacing` must be above 0; got 0.0"),
        ("distance_dice", {"spacing": [-1.0]}, "`spacing` must be above 0; got -1.0"),
        ("hausdorff_dt", {"alpha": -1.0}, "`alpha` must be at least 0; got -1.0"),
        ("hausdorff_erosion", {"erosions": 0}, "`erosions` must be at least 1; got 0"),
        ("boundary", {"include_background": False}, "`include_background` must be left out"),
        ("hausdorff_erosion", {"include_background": False}, "`include_background` must be left"),
        ("shape_aware_cross_entropy", {"coefficient": "mean"}, "`coefficient` must be one of"),
    ],
)
def test_options_out_of_range_are_errors(
    name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        LOSSES.build(name, labels="binary", **options)


def test_a_spacing_of_another_length_is_an_error() -> None:
    logits, target = batch("binary")
    with pytest.raises(ValueError, match="`spacing` must have one number for each of the 2"):
        LOSSES.build("boundary", labels="binary", spacing=[1.0])(logits, target)

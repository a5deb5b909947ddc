"""Box losses against formulas written naively in float64, and on boxes that break others."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pl_losses.losses import LOSSES, AlphaIoULoss, SIoULoss

NAMES = ("iou", "giou", "diou", "ciou", "eiou", "siou", "alpha_iou")
SCALES = (1e-6, 1.0, 1e4)

Box = list[float]


def overlap(a: Box, b: Box) -> float:
    """Return the intersection over the union of two proper boxes."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def hull(a: Box, b: Box) -> tuple[float, float]:
    return max(a[2], b[2]) - min(a[0], b[0]), max(a[3], b[3]) - min(a[1], b[1])


def size(a: Box) -> tuple[float, float]:
    return a[2] - a[0], a[3] - a[1]


def offset(a: Box, b: Box) -> tuple[float, float]:
    return (a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2


def iou(a: Box, b: Box) -> float:
    return 1 - overlap(a, b)


def giou(a: Box, b: Box) -> float:
    around = math.prod(hull(a, b))
    areas = math.prod(size(a)) + math.prod(size(b))
    union = areas / (1 + overlap(a, b))
    return iou(a, b) + (around - union) / around


def diou(a: Box, b: Box) -> float:
    return iou(a, b) + math.hypot(*offset(a, b)) ** 2 / math.hypot(*hull(a, b)) ** 2


def ciou(a: Box, b: Box) -> float:
    (w, h), (v, g) = size(a), size(b)
    unlike = 4 / math.pi**2 * (math.atan(v / g) - math.atan(w / h)) ** 2
    alpha = unlike / (iou(a, b) + unlike) if unlike else 0.0
    return diou(a, b) + alpha * unlike


def eiou(a: Box, b: Box) -> float:
    sides = zip(size(a), size(b), hull(a, b), strict=True)
    return diou(a, b) + sum((s - t) ** 2 / c**2 for s, t, c in sides)


def siou(a: Box, b: Box) -> float:
    (dx, dy), around = offset(a, b), hull(a, b)
    sine = abs(dy) / math.hypot(dx, dy)
    gamma = 2 - (1 - 2 * math.sin(math.asin(sine) - math.pi / 4) ** 2)
    distance = sum(
        1 - math.exp(-gamma * (d / c) ** 2) for d, c in zip((dx, dy), around, strict=True)
    )
    shape = sum(
        (1 - math.exp(-abs(s - t) / max(s, t))) ** 4 for s, t in zip(size(a), size(b), strict=True)
    )
    return iou(a, b) + (distance + shape) / 2


def alpha_iou(a: Box, b: Box) -> float:
    return 1 - overlap(a, b) ** 3


NAIVE: dict[str, Callable[[Box, Box], float]] = {
    "iou": iou,
    "giou": giou,
    "diou": diou,
    "ciou": ciou,
    "eiou": eiou,
    "siou": siou,
    "alpha_iou": alpha_iou,
}

ODD = {
    "equal": ([1.0, 2.0, 3.0, 5.0], [1.0, 2.0, 3.0, 5.0]),
    "apart": ([0.0, 0.0, 1.0, 1.0], [9.0, 7.0, 12.0, 8.0]),
    "touching": ([0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 2.0, 1.0]),
    "flat prediction": ([0.0, 1.0, 2.0, 1.0], [0.0, 0.0, 2.0, 2.0]),
    "thin prediction": ([1.0, 0.0, 1.0, 2.0], [0.0, 0.0, 2.0, 2.0]),
    "thin truth": ([0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 1.0, 2.0]),
    "two equal lines": ([1.0, 0.0, 1.0, 2.0], [1.0, 0.0, 1.0, 2.0]),
    "two crossing lines": ([1.0, 0.0, 1.0, 2.0], [0.0, 1.0, 2.0, 1.0]),
    "two equal points": ([0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]),
    "two points": ([1.0, 1.0, 1.0, 1.0], [2.0, 3.0, 2.0, 3.0]),
    "inverted prediction": ([3.0, 4.0, 1.0, 2.0], [0.0, 0.0, 5.0, 5.0]),
    "half inverted": ([3.0, 1.0, 1.0, 2.0], [0.0, 0.0, 5.0, 5.0]),
    "both inverted": ([3.0, 4.0, 1.0, 2.0], [5.0, 5.0, 0.0, 0.0]),
}


def boxes(count: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    corner = 5 * torch.rand(count, 2, generator=rng, dtype=torch.float64)
    side = 4 * torch.rand(count, 2, generator=rng, dtype=torch.float64) + 0.1
    return torch.cat([corner, corner + side], -1)


def as_centre_and_size(corners: Tensor) -> Tensor:
    low, high = corners.chunk(2, -1)
    return torch.cat([(low + high) / 2, high - low], -1)


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_the_papers(name: str) -> None:
    pred, target = boxes(50, seed=0), boxes(50, seed=1)
    values = LOSSES.build(name, reduction="none")(pred, target)
    naive = [NAIVE[name](a, b) for a, b in zip(pred.tolist(), target.tolist(), strict=True)]
    torch.testing.assert_close(values, torch.tensor(naive, dtype=torch.float64))


@pytest.mark.parametrize("name", NAMES)
def test_formats_agree(name: str) -> None:
    pred, target = boxes(20, seed=0), boxes(20, seed=1)
    by_centre = LOSSES.build(name, box_format="cxcywh")
    torch.testing.assert_close(
        by_centre(as_centre_and_size(pred), as_centre_and_size(target)),
        LOSSES.build(name)(pred, target),
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_unit_of_length_does_not_matter(name: str) -> None:
    pred, target = boxes(20, seed=0).float(), boxes(20, seed=1).float()
    loss = LOSSES.build(name)
    for scale in SCALES:
        torch.testing.assert_close(loss(scale * pred, scale * target), loss(pred, target))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-20, 1e-10, 1.0, 1200.0, 1e4])
@pytest.mark.parametrize("pair", ODD.values(), ids=list(ODD))
@pytest.mark.parametrize("box_format", ["xyxy", "cxcywh"])
def test_odd_boxes_are_finite(
    box_format: str, pair: tuple[Box, Box], scale: float, dtype: torch.dtype
) -> None:
    for name in NAMES:
        pred = (scale * torch.tensor([pair[0]], dtype=dtype)).requires_grad_()
        target = scale * torch.tensor([pair[1]], dtype=dtype)
        loss = LOSSES.build(name, box_format=box_format)(pred, target)
        loss.backward()
        assert loss.isfinite(), name
        assert pred.grad is not None
        assert pred.grad.isfinite().all(), name


@pytest.mark.parametrize("base", ["iou", "giou", "diou", "ciou"])
@pytest.mark.parametrize("alpha", [0.5, 1.0, 3.0])
def test_alpha_iou_is_finite_on_odd_boxes_whatever_it_is_built_on(alpha: float, base: str) -> None:
    for pair in ODD.values():
        pred = torch.tensor([pair[0]], requires_grad=True)
        loss = AlphaIoULoss(alpha=alpha, base=base)(pred, torch.tensor([pair[1]]))  # type: ignore[arg-type]
        loss.backward()
        assert loss.isfinite()
        assert pred.grad is not None
        assert pred.grad.isfinite().all()


@pytest.mark.parametrize("base", ["iou", "giou", "diou", "ciou"])
def test_alpha_iou_at_one_is_what_it_is_built_on(base: str) -> None:
    pred, target = boxes(20, seed=0), boxes(20, seed=1)
    loss = AlphaIoULoss(alpha=1.0, base=base)  # type: ignore[arg-type]
    torch.testing.assert_close(loss(pred, target), LOSSES.build(base)(pred, target))


@pytest.mark.parametrize("name", NAMES)
def test_equal_boxes_cost_nothing_and_do_not_pull(name: str) -> None:
    pred = boxes(10).requires_grad_()
    loss = LOSSES.build(name)(pred, pred.detach())
    loss.backward()
    assert loss.abs() < 1e-12
    assert pred.grad is not None
    assert pred.grad.abs().max() < 1e-12


@pytest.mark.parametrize("name", ["giou", "diou", "ciou", "eiou", "siou"])
def test_boxes_apart_are_drawn_together(name: str) -> None:
    pred = torch.tensor([[0.0, 0.0, 2.0, 2.0]], requires_grad=True)
    loss = LOSSES.build(name)(pred, torch.tensor([[6.0, 5.0, 8.0, 7.0]]))
    loss.backward()
    assert pred.grad is not None
    with torch.no_grad():
        nearer = pred - 0.1 * pred.grad / pred.grad.norm()
    assert LOSSES.build(name)(nearer, torch.tensor([[6.0, 5.0, 8.0, 7.0]])) < loss


def test_the_weight_of_the_aspect_ratio_has_no_gradient() -> None:
    pred = torch.tensor([[0.0, 0.0, 2.0, 1.0]], dtype=torch.float64, requires_grad=True)
    target = torch.tensor([[0.0, 0.0, 1.0, 3.0]], dtype=torch.float64)
    angle = torch.atan2(pred[:, 2] - pred[:, 0], pred[:, 3] - pred[:, 1])
    unlike = 4 / math.pi**2 * (math.atan(1 / 3) - angle) ** 2
    alpha = unlike.item() / (LOSSES.build("iou")(pred, target).item() + unlike.item())
    by_hand = LOSSES.build("diou")(pred, target) + alpha * unlike.sum()
    (expected,) = torch.autograd.grad(by_hand, pred)
    (slope,) = torch.autograd.grad(LOSSES.build("ciou")(pred, target), pred)
    torch.testing.assert_close(slope, expected)


def test_half_precision_does_not_overflow_at_1200_pixels() -> None:
    pred, target = 120 * boxes(8, seed=0).half(), 120 * boxes(8, seed=1).half()
    for name in NAMES:
        loss = LOSSES.build(name)
        torch.testing.assert_close(
            loss(pred, target).double(), loss(pred.double(), target.double()), rtol=1e-4, atol=0
        )


def test_integer_targets_are_boxes_too() -> None:
    loss = LOSSES.build("giou")
    pred, target = torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1, 1, 3, 3]])
    torch.testing.assert_close(loss(pred, target), loss(pred, target.float()))


def test_one_box_without_a_batch_is_enough() -> None:
    loss = LOSSES.build("iou")(
        torch.tensor([0.0, 0.0, 2.0, 2.0]), torch.tensor([0.0, 0.0, 2.0, 1.0])
    )
    assert loss == 0.5


def test_padding_of_weight_zero_may_be_anything() -> None:
    pred = boxes(4).reshape(2, 2, 4).requires_grad_()
    target = boxes(4, seed=1).reshape(2, 2, 4)
    weight = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    expected = LOSSES.build("ciou")(pred[:, 0], target[:, 0])
    target[:, 1] = torch.nan
    loss = LOSSES.build("ciou")(pred, target, weight)
    loss.backward()
    torch.testing.assert_close(loss, expected)
    assert pred.grad is not None
    assert (pred.grad[:, 1] == 0).all()


def test_wrong_shapes_say_what_was_expected() -> None:
    loss = LOSSES.build("iou")
    with pytest.raises(ValueError, match=r"`pred` must have shape \(\*, 4\); got shape \(2, 5\)."):
        loss(torch.zeros(2, 5), torch.zeros(2, 5))
    with pytest.raises(ValueError, match=r"`target` must have shape \(2, 4\); got shape \(1, 4\)."):
        loss(torch.zeros(2, 4), torch.zeros(1, 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"box_format": "xywh"}, r"`box_format` must be one of 'xyxy', 'cxcywh'; got 'xywh'."),
        ({"alpha": 0.0}, r"`alpha` must be above 0; got 0.0."),
        ({"base": "eiou"}, r"`base` must be one of 'iou', 'giou', 'diou', 'ciou'; got 'eiou'."),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AlphaIoULoss(**options)  # type: ignore[arg-type]


def test_siou_rejects_a_theta_below_one() -> None:
    with pytest.raises(ValueError, match=r"`theta` must be at least 1; got 0.5."):
        SIoULoss(theta=0.5)

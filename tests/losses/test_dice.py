"""Dice, Jaccard and Tversky in every form, against loops over the regions."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.losses import LOSSES

Formula = Callable[[Tensor, Tensor, Tensor], Tensor]
S = 0.5

kinds = pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])


def batch(kind: str) -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(3)
    classes = 1 if kind == "binary" else 3
    logits = torch.randn(2, classes, 5, 4, generator=rng, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(2, 5, 4, generator=rng, dtype=torch.float64)
    if kind == "multiclass":
        return logits, torch.randint(classes, (2, 5, 4), generator=rng), weight
    return logits, torch.randint(2, logits.shape, generator=rng), weight


def maps(kind: str, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return probabilities and truth, ``(N, C, places)``."""
    if kind == "multiclass":
        truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1)
        return logits.softmax(1).flatten(2), truth.flatten(2).double()
    return logits.sigmoid().flatten(2), target.flatten(2).double()


def by_sum(w: Tensor, p: Tensor, y: Tensor) -> Tensor:
    return 1 - (2 * (w * p * y).sum() + S) / ((w * p).sum() + (w * y).sum() + S)


def by_squares(w: Tensor, p: Tensor, y: Tensor) -> Tensor:
    return 1 - (2 * (w * p * y).sum() + S) / ((w * p * p).sum() + (w * y * y).sum() + S)


def by_union(w: Tensor, p: Tensor, y: Tensor) -> Tensor:
    both = (w * p * y).sum()
    return 1 - (both + S) / ((w * p).sum() + (w * y).sum() - both + S)


def tversky(w: Tensor, p: Tensor, y: Tensor) -> Tensor:
    both, false, missed = (w * p * y).sum(), (w * p * (1 - y)).sum(), (w * (1 - p) * y).sum()
    return 1 - (both + S) / (both + 0.3 * false + 0.7 * missed + S)


FORMULAS: list[tuple[str, dict[str, str], Formula]] = [
    ("dice", {"denominator": "sum"}, by_sum),
    ("dice", {"denominator": "squares"}, by_squares),
    ("dice", {"denominator": "union"}, by_union),
    ("tversky", {}, tversky),
]


@kinds
@pytest.mark.parametrize("weights", ["equal", "unequal"])
@pytest.mark.parametrize(("name", "options", "formula"), FORMULAS)
def test_value_and_gradient_are_the_formula_s(
    name: str, options: dict[str, str], formula: Formula, weights: str, kind: str
) -> None:
    logits, target, weight = batch(kind)
    pred, truth = maps(kind, logits, target)
    if weights == "equal":
        weight = torch.ones_like(weight)
    flat = weight.flatten(1)
    expected = torch.stack(
        [formula(flat[n], pred[n, c], truth[n, c]) for n in range(2) for c in range(pred.shape[1])]
    ).mean()
    loss = LOSSES.build(name, labels=kind, smooth=S, **options)
    value = loss(logits, target, None if weights == "equal" else weight)
    torch.testing.assert_close(value, expected)
    (slope,) = torch.autograd.grad(value, logits)
    (expected_slope,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(slope, expected_slope)


@kinds
@pytest.mark.parametrize(("name", "options", "formula"), FORMULAS)
def test_a_batch_is_one_region_for_each_class(
    name: str, options: dict[str, str], formula: Formula, kind: str
) -> None:
    logits, target, weight = batch(kind)
    pred, truth = (each.movedim(1, 0).flatten(1) for each in maps(kind, logits, target))
    regions = zip(pred, truth, strict=True)
    expected = torch.stack([formula(weight.flatten(), p, y) for p, y in regions])
    loss = LOSSES.build(name, labels=kind, smooth=S, batch=True, reduction="none", **options)
    torch.testing.assert_close(loss(logits, target, weight), expected.unsqueeze(0))


def each_region(**options: object) -> tuple[Tensor, Tensor]:
    """Return the losses of six regions, of which class 1 of sample 0 is empty, and their mean."""
    logits, target, _ = batch("multiclass")
    target[0][target[0] == 1] = 0
    each = LOSSES.build("dice", labels="multiclass", smooth=S, reduction="none")
    return each(logits, target), LOSSES.build("dice", labels="multiclass", smooth=S, **options)(
        logits, target
    )


def test_the_background_can_be_left_out() -> None:
    each, mean = each_region(include_background=False)
    torch.testing.assert_close(mean, each[:, 1:].mean())


def test_region_weights_weigh_the_mean() -> None:
    each, mean = each_region(region_weights=[1.0, 0.0, 3.0])
    torch.testing.assert_close(mean, ((each[:, 0] + 3 * each[:, 2]) / 4).mean())


def test_an_empty_region_costs_what_the_formula_says() -> None:
    each, mean = each_region(empty="smooth")
    torch.testing.assert_close(mean, each.mean())
    assert each[0, 1] > 0.8


def test_an_empty_region_can_be_skipped() -> None:
    each, mean = each_region(empty="skip")
    torch.testing.assert_close(mean, (each.sum() - each[0, 1]) / 5)


def test_an_empty_region_can_cost_nothing() -> None:
    each, mean = each_region(empty="zero")
    torch.testing.assert_close(mean, (each.sum() - each[0, 1]) / 6)


def test_a_rightly_empty_region_costs_little_beside_a_large_smoothing() -> None:
    logits, target = torch.full((1, 1, 8, 8), -10.0), torch.zeros(1, 1, 8, 8)
    small, large = (LOSSES.build("dice", labels="binary", smooth=s) for s in (1e-5, 1.0))
    left = 64 * torch.tensor(-10.0).sigmoid()
    torch.testing.assert_close(large(logits, target), left / (left + 1))
    assert small(logits, target) > 0.99


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_a_sample_that_is_ignored_altogether_is_no_region(kind: str) -> None:
    shape = (3, 1, 4) if kind == "binary" else (3, 2, 4)
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(shape, generator=rng, dtype=torch.float64)
    target = torch.randint(2, (3, 4), generator=rng)
    loss = LOSSES.build("dice", labels={"kind": kind, "ignore_index": -1})
    expected = loss(logits[1:], target[1:])
    torch.testing.assert_close(loss(logits, target.index_fill(0, torch.tensor(0), -1)), expected)

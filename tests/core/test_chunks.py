"""Walking in chunks changes nothing but memory; every kind of layout is cut right."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pl_losses.core import chunks

CHUNK = 10

Parts = tuple[Tensor | None, ...]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", CHUNK)


def _random(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def layouts() -> dict[str, Parts]:
    """Return parts in each layout that the losses use: samples first, places last."""
    classes = torch.randint(3, (4, 7), generator=torch.Generator().manual_seed(1))
    return {
        "one row of many": (_random(1, 37), _random(1, 37), _random(1, 1)),
        "rows larger than a chunk": (_random(3, 25), _random(3, 25), None),
        "rows smaller than a chunk": (_random(9, 4), _random(9, 4), _random(9, 1)),
        "one number a sample": (_random(23), _random(23), _random(23)),
        "a weight for all": (_random(5, 6), _random(5, 6), _random(1, 1)),
        "channels": (_random(2, 3, 8), _random(2, 3, 8), _random(2, 3, 8)),
        "a weight for all channels": (_random(2, 3, 8), _random(2, 3, 8), _random(2, 1, 8)),
        "class numbers": (_random(4, 3, 7), classes, _random(4, 7)),
        "no places": (_random(11, 3), _random(11, 3), _random(11, 1)),
    }


every_layout = pytest.mark.parametrize("layout", layouts())


def values(pred: Tensor, target: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return a formula with a slope and a curvature everywhere."""
    if target.ndim < pred.ndim:
        pred = pred.gather(1, target.unsqueeze(1)).squeeze(1) + pred.logsumexp(1)
        target = target.to(pred.dtype)
    return (pred.sin() - target) ** 2, weight


def moments(pred: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    each, _ = values(pred, target, None)
    each = each if weight is None else each * weight
    return torch.stack([each.sum(-1), (each * each).sum(-1)], -1)


def total(pred: Tensor, *rest: Tensor | None) -> Tensor:
    return chunks.total(values, (pred, *rest))[0]


def mixed_sums(pred: Tensor, *rest: Tensor | None) -> Tensor:
    sums = chunks.sums(moments, (pred, *rest))
    return (sums[..., 0] * sums[..., 1]).sum()


def derivatives(
    function: Callable[..., Tensor], parts: Parts, monkeypatch: pytest.MonkeyPatch, *, walk: bool
) -> list[Tensor]:
    monkeypatch.setattr(chunks, "CHUNK", CHUNK if walk else 1 << 20)
    pred, *rest = parts
    assert pred is not None
    leaf = pred.clone().requires_grad_()
    value = function(leaf, *rest)
    (slope,) = torch.autograd.grad(value, leaf, retain_graph=True)
    (again,) = torch.autograd.grad(3 * value, leaf)
    (graph,) = torch.autograd.grad(function(leaf, *rest), leaf, create_graph=True)
    (curvature,) = torch.autograd.grad(graph.square().sum(), leaf)
    return [value.detach(), slope, again, graph.detach(), curvature]


@every_layout
@pytest.mark.parametrize("function", [total, mixed_sums])
def test_value_and_derivatives_are_those_of_the_whole(
    layout: str, function: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = layouts()[layout]
    if function is mixed_sums and layout in ("one number a sample", "no places"):
        pytest.skip("sums need an axis of places")
    walked = derivatives(function, parts, monkeypatch, walk=True)
    whole = derivatives(function, parts, monkeypatch, walk=False)
    torch.testing.assert_close(walked, whole)


@every_layout
def test_the_masses_are_summed(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = layouts()[layout]
    _, walked = chunks.total(values, parts)
    monkeypatch.setattr(chunks, "CHUNK", 1 << 20)
    _, whole = chunks.total(values, parts)
    torch.testing.assert_close(walked, whole)


def test_chunks_without_weights_weigh_one_beside_those_with_weights() -> None:
    def formula(pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        marked = target > 1
        return pred * pred, marked.double() if marked.any() else None

    pred, target = _random(4, 7).requires_grad_(), torch.zeros(4, 7)
    target[2, :3] = 2  # one of the four chunks
    value, mass = chunks.total(formula, (pred, target))
    counted = torch.ones(4, 7, dtype=torch.float64)
    counted[2, 3:] = 0
    assert mass == counted.sum()
    torch.testing.assert_close(value, (counted * pred**2).sum())
    (slope,) = torch.autograd.grad(value, pred)
    torch.testing.assert_close(slope, 2 * counted * pred.detach())


def test_a_large_tensor_is_really_cut() -> None:
    sizes = []

    def formula(pred: Tensor) -> tuple[Tensor, None]:
        sizes.append(pred.numel())
        return pred * pred, None

    chunks.total(formula, (_random(3, 25),))
    assert max(sizes) <= CHUNK
    assert sum(sizes) == 75


@pytest.mark.parametrize("function", [total, mixed_sums])
def test_half_precision_is_summed_in_float32(function: Callable[..., Tensor]) -> None:
    pred = _random(3, 25, dtype=torch.float16).requires_grad_()
    target = _random(3, 25, dtype=torch.float32)
    value = function(pred, target, None)
    (slope,) = torch.autograd.grad(value, pred)
    assert value.dtype == torch.float32
    assert slope.dtype == torch.float16
    right = pred.detach().double().requires_grad_()
    (right_slope,) = torch.autograd.grad(function(right, target.double(), None), right)
    torch.testing.assert_close(slope.double(), right_slope, rtol=2e-3, atol=2e-3)


def test_a_gradient_handed_out_is_the_callers_own() -> None:
    leaf = _random(3, 25).requires_grad_()
    value = total(leaf, torch.zeros(3, 25), None)
    (first,) = torch.autograd.grad(value, leaf, retain_graph=True)
    kept = first.clone()
    first.zero_()
    (second,) = torch.autograd.grad(value, leaf)
    torch.testing.assert_close(second, kept)


def test_no_gradient_is_made_where_none_is_wanted() -> None:
    seen = []

    def formula(pred: Tensor) -> tuple[Tensor, None]:
        seen.append(pred.requires_grad)
        return pred * pred, None

    value, _ = chunks.total(formula, (_random(3, 25),))
    assert not value.requires_grad
    with torch.no_grad():
        chunks.total(formula, (_random(3, 25).requires_grad_(),))
    assert not any(seen)


def test_a_target_that_is_learned_too_gets_its_gradient() -> None:
    target = _random(3, 25).requires_grad_()
    total(_random(3, 25), target, None).backward()
    assert target.grad is not None
    assert target.grad.abs().sum() > 0


@pytest.mark.parametrize("function", [total, mixed_sums])
def test_function_transforms_see_the_plain_formula(function: Callable[..., Tensor]) -> None:
    pred, target = _random(3, 25), torch.zeros(3, 25)
    leaf = pred.clone().requires_grad_()
    (slope,) = torch.autograd.grad(function(leaf, target, None), leaf)
    transformed = torch.func.grad(lambda each: function(each, target, None))(pred)
    torch.testing.assert_close(transformed, slope)


def test_a_prediction_is_needed() -> None:
    with pytest.raises(TypeError, match="must be a tensor"):
        chunks.total(values, (None, torch.ones(3)))

"""The cross-entropy made by hand is torch's: value, gradient, and the gradient's own."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.core import surprise
from pl_losses.core.surprise import softmax_nll


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surprise, "ENOUGH", 0)


def sample(*shape: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(shape, generator=rng, dtype=torch.float64)
    return logits, torch.randint(shape[1], (shape[0], *shape[2:]), generator=rng)


every_shape = pytest.mark.parametrize("shape", [(5, 3), (2, 4, 6), (2, 3, 2, 3), (0, 3), (2, 3, 0)])
smoothed = pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])


@every_shape
@smoothed
def test_equals_torch(shape: tuple[int, ...], smoothing: float) -> None:
    logits, target = sample(*shape)
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    values = softmax_nll(ours, target, smoothing)
    expected = F.cross_entropy(theirs, target, reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(values, expected)
    (values**2).sum().backward()
    (expected**2).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@every_shape
@smoothed
def test_what_a_compiler_is_given_equals_torch(shape: tuple[int, ...], smoothing: float) -> None:
    logits, target = sample(*shape)
    ours, theirs = ((1e3 * logits).requires_grad_() for _ in range(2))
    values = surprise._plain(ours, target, smoothing)
    expected = F.cross_entropy(theirs, target, reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(values, expected)
    (values**2).sum().backward()
    (expected**2).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@smoothed
def test_gradient_and_curvature_are_the_slopes(smoothing: float) -> None:
    logits, target = sample(2, 3, 4)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: softmax_nll(x, target, smoothing), logits)
    assert torch.autograd.gradgradcheck(lambda x: softmax_nll(x, target, smoothing), logits)


def test_a_retained_graph_gives_the_gradient_again() -> None:
    logits, target = sample(2, 3, 4)
    logits.requires_grad_()
    total = softmax_nll(logits, target).sum()
    (first,) = torch.autograd.grad(total, logits, retain_graph=True)
    kept = first.clone()
    first.zero_()
    (second,) = torch.autograd.grad(total, logits)
    torch.testing.assert_close(second, kept)


@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_extreme_logits_keep_their_digits(scale: float) -> None:
    logits = torch.tensor([[1.0, 0.0], [0.0, 1.0]]) * scale
    logits.requires_grad_()
    values = softmax_nll(logits, torch.tensor([0, 0]))
    values.sum().backward()
    torch.testing.assert_close(values, torch.tensor([0.0, scale]))
    torch.testing.assert_close(logits.grad, torch.tensor([[0.0, 0.0], [-1.0, 1.0]]))


@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("lead", [0.0, 6.0, 12.0, 18.0])
def test_single_precision_is_as_exact_as_torchs(classes: int, lead: float) -> None:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(2000, classes, generator=rng)
    logits[:, 0] += lead  # the better the prediction, the less is left beside 1
    target = torch.zeros(2000, dtype=torch.long)
    exact = F.cross_entropy(logits.double(), target, reduction="none")
    ours, theirs = (
        (each - exact).square().mean().sqrt()
        for each in (
            softmax_nll(logits, target),
            F.cross_entropy(logits, target, reduction="none"),
        )
    )
    assert ours <= 2 * theirs + 1e-9  # twice: they add up the classes in another order
    assert ours < 3e-7


def test_function_transforms_see_torchs_own() -> None:
    logits, target = sample(2, 3, 4)
    leaf = logits.clone().requires_grad_()
    softmax_nll(leaf, target).sum().backward()
    transformed = torch.func.grad(lambda x: softmax_nll(x, target).sum())(logits)
    torch.testing.assert_close(transformed, leaf.grad)


def test_the_input_is_not_changed() -> None:
    logits, target = sample(2, 3, 4)
    before = logits.clone()
    softmax_nll(logits.requires_grad_(), target).sum().backward()
    torch.testing.assert_close(logits.detach(), before, rtol=0, atol=0)

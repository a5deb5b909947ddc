"""Losses for noisy labels: generalised cross-entropy and bi-tempered logistic loss."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.losses import BiTemperedLoss, CrossEntropyLoss, GeneralizedCrossEntropyLoss
from pl_losses.losses.bi_tempered import tempered_log_softmax


def sample() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(7, 5, generator=rng, dtype=torch.float64)
    return logits, torch.randint(5, (7,), generator=rng)


@pytest.mark.parametrize("q", [0.01, 0.5, 0.7, 1.0])
def test_generalized_cross_entropy_is_the_box_cox_of_the_likelihood(q: float) -> None:
    logits, target = sample()
    p = logits.softmax(1)[torch.arange(7), target]
    loss = GeneralizedCrossEntropyLoss("multiclass", q=q)(logits, target)
    torch.testing.assert_close(loss, ((1 - p**q) / q).mean())


def test_generalized_cross_entropy_at_zero_is_cross_entropy() -> None:
    logits, target = sample()
    expected = CrossEntropyLoss("multiclass")(logits, target)
    loss = GeneralizedCrossEntropyLoss("multiclass", q=0.0)(logits, target)
    torch.testing.assert_close(loss, expected)


def bisected(logits: Tensor, t: float) -> Tensor:
    """Return the tempered softmax, its normalisation found by halving an interval."""
    low, high = logits.amax(1, keepdim=True), logits.amax(1, keepdim=True) + 1e10

    def p(shift: Tensor) -> Tensor:
        return (1 + (t - 1) * (shift - logits)) ** (-1 / (t - 1))

    for _ in range(200):
        middle = (low + high) / 2
        over = p(middle).sum(1, keepdim=True) > 1
        low, high = torch.where(over, middle, low), torch.where(over, high, middle)
    return p(low)


@pytest.mark.parametrize("t", [1.01, 1.2, 2.0, 4.0])
@pytest.mark.parametrize("size", [1.0, 100.0, 1e4])
def test_tempered_softmax_adds_up_to_one(t: float, size: float) -> None:
    for classes in (2, 1000):
        rng = torch.Generator().manual_seed(0)
        logits = size * torch.randn(20, classes, generator=rng, dtype=torch.float64)
        p = tempered_log_softmax(logits, t).exp()
        torch.testing.assert_close(p.sum(1), torch.ones(20, dtype=torch.float64))
        if size == 1.0:
            torch.testing.assert_close(p, bisected(logits, t))


def test_tempered_softmax_has_exact_derivatives() -> None:
    logits = sample()[0][:3].requires_grad_()
    assert torch.autograd.gradcheck(lambda leaf: tempered_log_softmax(leaf, 1.4), logits)
    assert torch.autograd.gradgradcheck(lambda leaf: tempered_log_softmax(leaf, 1.4), logits)


@pytest.mark.parametrize("t1", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("t2", [1.0, 1.2, 2.0])
def test_bi_tempered_is_the_papers_divergence(t1: float, t2: float) -> None:
    logits, target = sample()
    p = logits.softmax(1) if t2 == 1 else bisected(logits, t2)
    y = F.one_hot(target, 5).double()

    def log(x: Tensor) -> Tensor:
        return (x ** (1 - t1) - 1) / (1 - t1)

    divergence = y * (log(y.clamp_min(1e-300)) - log(p)) - (y ** (2 - t1) - p ** (2 - t1)) / (
        2 - t1
    )
    loss = BiTemperedLoss("multiclass", t1=t1, t2=t2)(logits, target)
    torch.testing.assert_close(loss, divergence.sum(1).mean())


def test_bi_tempered_at_ones_is_cross_entropy() -> None:
    logits, target = sample()
    expected = CrossEntropyLoss("multiclass")(logits, target)
    loss = BiTemperedLoss("multiclass", t1=1.0, t2=1.0)(logits, target)
    torch.testing.assert_close(loss, expected)


def test_bi_tempered_of_soft_labels_is_zero_where_they_agree() -> None:
    logits, _ = sample()
    target = tempered_log_softmax(logits, 1.2).exp()
    loss = BiTemperedLoss("multiclass", reduction="none")(logits, target)
    torch.testing.assert_close(loss, torch.zeros(7, dtype=torch.float64), rtol=0, atol=1e-12)


def test_yes_or_no_is_two_classes() -> None:
    logits, target = sample()
    logits, target = logits[:, 0], target % 2
    pair = torch.stack([torch.zeros_like(logits), logits], 1)
    expected = BiTemperedLoss("multiclass")(pair, target)
    torch.testing.assert_close(BiTemperedLoss("binary")(logits, target), expected)


def test_an_outlier_costs_a_bounded_amount() -> None:
    logits = torch.tensor([[-1e4, 1e4]])
    assert BiTemperedLoss("multiclass")(logits, torch.tensor([0])) <= 1 / (1 - 0.8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GeneralizedCrossEntropyLoss("binary", q=2), r"`q` must be from 0 to 1; got 2"),
        (lambda: BiTemperedLoss("binary", t1=1.5), r"`t1` must be from 0 to 1; got 1\.5"),
        (lambda: BiTemperedLoss("binary", t2=0.5), r"`t2` must be at least 1; got 0\.5"),
    ],
)
def test_wrong_options_are_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()

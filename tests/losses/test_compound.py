"""Compound losses against the papers' formulas."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.losses import LOSSES

kinds = pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])


def batch(kind: str) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(5)
    classes = 1 if kind == "binary" else 3
    logits = torch.randn(2, classes, 5, 6, generator=rng, dtype=torch.float64, requires_grad=True)
    if kind == "multiclass":
        return logits, torch.randint(classes, (2, 5, 6), generator=rng)
    return logits, torch.randint(2, logits.shape, generator=rng)


def maps(kind: str, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return probabilities and truth ``(N, C, places)``, surprise and what is foreground."""
    if kind == "multiclass":
        truth = F.one_hot(target, logits.shape[1]).movedim(-1, 1).double()
        nll = F.cross_entropy(logits, target, reduction="none")
        return logits.softmax(1).flatten(2), truth.flatten(2), nll, (target > 0).double()
    truth = target.double()
    nll = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return logits.sigmoid().flatten(2), truth.flatten(2), nll, truth


def dice(pred: Tensor, truth: Tensor, smooth: float) -> Tensor:
    both = (pred * truth).sum(-1)
    return (2 * both + smooth) / (pred.sum(-1) + truth.sum(-1) + smooth)


def assert_same(value: Tensor, expected: Tensor, logits: Tensor) -> None:
    torch.testing.assert_close(value, expected)
    (slope,) = torch.autograd.grad(value, logits)
    (expected_slope,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(slope, expected_slope)


@kinds
def test_combo_is_the_formula_s_but_for_a_constant(kind: str) -> None:
    logits, target = batch(kind)
    pred, truth, nll, there = maps(kind, logits, target)
    weighed = (0.7 * there + 0.3 * (1 - there)) * nll
    paper = 0.4 * weighed.mean() - 0.6 * dice(pred, truth, 2.0).mean()
    loss = LOSSES.build("combo", labels=kind, alpha=0.4, beta=0.7, smooth=2.0)
    assert_same(loss(logits, target), paper + 0.6, logits)


@kinds
def test_exponential_logarithmic_is_the_formula_s(kind: str) -> None:
    logits, target = batch(kind)
    pred, truth, nll, _ = maps(kind, logits, target)
    expected = 0.8 * (-dice(pred, truth, 1.0).log()).pow(0.3).mean() + 0.2 * nll.pow(0.3).mean()
    loss = LOSSES.build("exponential_logarithmic", labels=kind)
    assert_same(loss(logits, target), expected, logits)


def tversky(pred: Tensor, truth: Tensor, delta: float) -> Tensor:
    both, false, missed = (pred * truth), pred * (1 - truth), (1 - pred) * truth
    whole = both + delta * missed + (1 - delta) * false
    return 1 - both.sum(-1) / whole.sum(-1)


@pytest.mark.parametrize("form", ["asymmetric", "symmetric"])
@kinds
def test_unified_focal_is_the_authors_code_s(kind: str, form: str) -> None:
    delta, gamma, share = 0.7, 0.3, 0.4
    logits, target = batch(kind)
    pred, truth, nll, there = maps(kind, logits, target)
    hushed = (1 - (-nll).exp()) ** gamma * nll
    front = nll if form == "asymmetric" else hushed
    focal = delta * there * front + (1 - delta) * (1 - there) * hushed
    if kind == "multiclass":
        raised = tversky(pred, truth, delta) ** (1 - gamma)
        parts = list(raised.unbind(1))
        if form == "asymmetric":
            parts[0] = tversky(pred, truth, delta)[:, 0]
    else:
        background = tversky(1 - pred, 1 - truth, delta)
        parts = [tversky(pred, truth, delta) ** (1 - gamma)]
        parts.append(background if form == "asymmetric" else background ** (1 - gamma))
    expected = share * focal.mean() + (1 - share) * torch.stack(parts).mean()
    options = {"form": form, "delta": delta, "gamma": gamma, "focal_share": share, "smooth": 0.0}
    assert_same(
        LOSSES.build("unified_focal", labels=kind, **options)(logits, target), expected, logits
    )


def test_binary_unified_focal_is_that_of_two_classes() -> None:
    logits, target = batch("binary")
    two = torch.cat([torch.zeros_like(logits), logits], 1)
    values = [
        LOSSES.build("unified_focal", labels=kind)(pred, target)
        for kind, pred in (("binary", logits), ("multiclass", two))
    ]
    torch.testing.assert_close(*values)


@pytest.mark.parametrize("name", ["combo", "exponential_logarithmic", "unified_focal"])
@kinds
def test_a_soft_label_between_two_is_between_them(name: str, kind: str) -> None:
    logits, target = batch(kind)
    _, truth, _, _ = maps(kind, logits, target)
    loss = LOSSES.build(name, labels=kind)
    hard = truth.view_as(logits)
    torch.testing.assert_close(loss(logits, hard), loss(logits, target))
    assert loss(logits, 0.9 * hard + 0.1 * hard.flip(0)) > 0


@pytest.mark.parametrize("name", ["exponential_logarithmic", "unified_focal"])
@pytest.mark.parametrize("confidence", [5.0, 30.0, 200.0, 1e4])
def test_a_perfect_prediction_has_a_finite_slope(name: str, confidence: float) -> None:
    target = torch.tensor([[[[0, 0, 1, 1]]]])
    logits = (confidence * (2.0 * target - 1)).requires_grad_()
    value = LOSSES.build(name, labels="binary")(logits, target)
    (slope,) = torch.autograd.grad(value, logits)
    assert value < 0.6
    assert slope.isfinite().all()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("combo", {"alpha": 2.0}, "`alpha` must be from 0 to 1; got 2.0"),
        ("combo", {"beta": -1.0}, "`beta` must be from 0 to 1; got -1.0"),
        ("exponential_logarithmic", {"gamma_dice": 0.0}, "`gamma_dice` must be above 0; got 0.0"),
        ("exponential_logarithmic", {"smooth": 0.0}, "`smooth` must be above 0; got 0.0"),
        ("unified_focal", {"form": "both"}, "`form` must be one of 'asymmetric', 'symmetric'"),
        ("unified_focal", {"delta": 1.1}, "`delta` must be from 0 to 1; got 1.1"),
    ],
)
def test_options_out_of_range_are_errors(
    name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        LOSSES.build(name, labels="binary", **options)

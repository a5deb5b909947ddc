"""Asymmetric loss against its paper's formula and its limits."""

import pytest
import torch
from torch import Tensor

from pl_losses.losses import AsymmetricLoss, CrossEntropyLoss, FocalLoss


def sample() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(6, 5, generator=rng, dtype=torch.float64)
    return logits, torch.randint(2, (6, 5), generator=rng)


def test_value_is_the_papers() -> None:
    logits, target = sample()
    p = logits.sigmoid()
    shifted = (p - 0.05).clamp_min(0)
    positive, negative = (1 - p) * p.log(), shifted**4 * (1 - shifted).log()
    expected = -torch.where(target == 1, positive, negative).mean()
    loss = AsymmetricLoss("multilabel", gamma_positive=1.0)(logits, target)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("gamma", [0.0, 1.5, 2.0])
def test_with_equal_focus_and_no_margin_it_is_focal(gamma: float) -> None:
    logits, target = sample()
    options = {"gamma_positive": gamma, "gamma_negative": gamma, "margin": 0.0}
    loss = AsymmetricLoss("multilabel", **options)(logits, target)
    torch.testing.assert_close(loss, FocalLoss("multilabel", gamma=gamma)(logits, target))


def test_an_easy_negative_costs_nothing() -> None:
    logits = torch.full((1, 1), -3.0, requires_grad=True)  # p = 0.047, within the margin
    loss = AsymmetricLoss("multilabel")(logits, torch.zeros(1, 1))
    loss.backward()
    assert loss == 0
    assert logits.grad == 0


def test_positives_are_cross_entropy_by_default() -> None:
    logits, _ = sample()
    ones = torch.ones_like(logits)
    expected = CrossEntropyLoss("multilabel")(logits, ones)
    torch.testing.assert_close(AsymmetricLoss("multilabel")(logits, ones), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma_positive": -1}, r"`gamma_positive` must be at least 0; got -1"),
        ({"gamma_negative": -1}, r"`gamma_negative` must be at least 0; got -1"),
        ({"margin": 2}, r"`margin` must be from 0 to 1; got 2"),
    ],
)
def test_wrong_options_are_errors(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AsymmetricLoss("multilabel", **options)

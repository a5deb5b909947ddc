"""Poly-1 loss against its polynomial."""

import math

import pytest
import torch

from pl_losses.losses import CrossEntropyLoss, FocalLoss, Poly1Loss


def test_value_is_the_polynomial() -> None:
    # The expansion of -log p in powers of 1 - p, whose first coefficient gets epsilon on top.
    miss = 0.4
    expected = sum(miss**j / j for j in range(1, 60)) + 1.5 * miss
    logits = torch.tensor([math.log(0.6 / 0.4)], dtype=torch.float64)
    loss = Poly1Loss("binary", epsilon=1.5)(logits, torch.tensor([1]))
    assert loss.item() == pytest.approx(expected)


def test_without_epsilon_it_is_cross_entropy_or_focal() -> None:
    rng = torch.Generator().manual_seed(0)
    logits, target = torch.randn(6, 4, generator=rng), torch.randint(4, (6,), generator=rng)
    cross_entropy = CrossEntropyLoss("multiclass")(logits, target)
    focal = FocalLoss("multiclass", gamma=2.0)(logits, target)
    torch.testing.assert_close(Poly1Loss("multiclass", epsilon=0.0)(logits, target), cross_entropy)
    poly = Poly1Loss("multiclass", epsilon=0.0, gamma=2.0)(logits, target)
    torch.testing.assert_close(poly, focal)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epsilon": -2}, r"`epsilon` must be at least -1; got -2"),
        ({"gamma": -1}, r"`gamma` must be at least 0; got -1"),
    ],
)
def test_wrong_options_are_errors(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Poly1Loss("binary", **options)

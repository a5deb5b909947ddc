"""Gradient harmonising against a loop over bins."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.core import chunks
from pl_losses.losses import CrossEntropyLoss, GHMLoss, GHMRegressionLoss


def naive(values: Tensor, norms: Tensor, bins: int) -> Tensor:
    """Return the mean of the bins' mean losses: what one say for each bin in use comes to."""
    means = []
    for low in range(bins):
        inside = (norms >= low / bins) & (norms < (low + 1) / bins)
        if inside.any():
            means.append(values[inside].mean())
    return torch.stack(means).mean()


def sample() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(3, 2, 7, generator=rng, dtype=torch.float64)
    return logits, torch.randint(2, (3, 2, 7), generator=rng)


@pytest.mark.parametrize("bins", [1, 5, 30])
def test_each_bin_in_use_has_one_say(bins: int) -> None:
    logits, target = sample()
    bce = F.binary_cross_entropy_with_logits(logits, target.double(), reduction="none")
    expected = naive(bce, (logits.sigmoid() - target).abs(), bins)
    torch.testing.assert_close(GHMLoss("multilabel", bins=bins)(logits, target), expected)


def test_one_bin_is_cross_entropy() -> None:
    logits, target = sample()
    expected = CrossEntropyLoss("multilabel")(logits, target)
    torch.testing.assert_close(GHMLoss("multilabel", bins=1)(logits, target), expected)


def test_ignored_elements_are_in_no_bin() -> None:
    logits, target = sample()
    expected = GHMLoss("binary")(logits[..., :4], target[..., :4])
    target[..., 4:] = -1
    loss = GHMLoss({"kind": "binary", "ignore_index": -1})(logits, target)
    torch.testing.assert_close(loss, expected)


def test_certain_errors_have_a_bin() -> None:
    loss = GHMLoss("binary")(torch.tensor([50.0, -50.0]), torch.tensor([0, 0]))
    assert loss.item() == pytest.approx(25)


@pytest.mark.parametrize("bins", [1, 10])
def test_each_bin_of_residuals_has_one_say(bins: int) -> None:
    rng = torch.Generator().manual_seed(0)
    pred = 0.1 * torch.randn(40, generator=rng, dtype=torch.float64)
    length = (pred.square() + 0.02**2).sqrt()
    expected = naive(length - 0.02, pred.abs() / length, bins)
    loss = GHMRegressionLoss(bins=bins)(pred, torch.zeros(40))
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("loss", [GHMLoss("binary"), GHMRegressionLoss()])
def test_bins_are_of_the_whole_batch_when_it_is_walked(
    loss: GHMLoss | GHMRegressionLoss, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits, target = sample()
    whole = loss(logits, target.double())
    monkeypatch.setattr(chunks, "CHUNK", 5)
    torch.testing.assert_close(loss(logits, target.double()), whole)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GHMLoss("binary", bins=0), r"`bins` must be at least 1; got 0"),
        (lambda: GHMRegressionLoss(bins=0), r"`bins` must be at least 1; got 0"),
        (lambda: GHMRegressionLoss(mu=0), r"`mu` must be above 0; got 0"),
        (lambda: GHMRegressionLoss("binary"), r"`labels` must be regression for this loss"),
    ],
)
def test_wrong_options_are_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()

"""Top-k cross-entropy against a sort."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.core import chunks
from pl_losses.losses import TopKCrossEntropyLoss


def sample(places: int = 50) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, places, generator=rng, dtype=torch.float64)
    return logits, torch.randint(4, (2, places), generator=rng)


def ranked(logits: Tensor, target: Tensor) -> Tensor:
    nll = F.cross_entropy(logits, target, reduction="none")[target != -100]
    return nll.sort(descending=True).values


@pytest.mark.parametrize(("share", "count"), [(0.1, 10), (0.5, 50), (1.0, 100), (0.001, 1), (0, 1)])
def test_the_mean_is_that_of_the_hardest_share(share: float, count: int) -> None:
    logits, target = sample()
    loss = TopKCrossEntropyLoss("multiclass", share=share)(logits, target)
    torch.testing.assert_close(loss, ranked(logits, target)[:count].mean())


def test_the_share_is_of_what_is_not_ignored() -> None:
    logits, target = sample()
    target[:, ::2] = -100
    loss = TopKCrossEntropyLoss("multiclass", share=0.1)(logits, target)
    torch.testing.assert_close(loss, ranked(logits, target)[:5].mean())


def test_weights_choose_no_element_but_weigh_the_chosen() -> None:
    logits, target = sample()
    nll = F.cross_entropy(logits, target, reduction="none")
    weight = torch.linspace(0.1, 3, 100, dtype=torch.float64).reshape(2, 50)
    hard = (nll >= ranked(logits, target)[9]) * weight
    loss = TopKCrossEntropyLoss("multiclass", share=0.1)(logits, target, weight)
    torch.testing.assert_close(loss, (hard * nll).sum() / hard.sum())


def test_the_threshold_takes_all_below_it_and_no_fewer_than_the_share() -> None:
    logits, target = sample()
    nll = ranked(logits, target)
    below = nll[(-nll).exp() < 0.3]
    assert len(below) > 10
    loss = TopKCrossEntropyLoss("multiclass", share=0.1, threshold=0.3)(logits, target)
    torch.testing.assert_close(loss, below.mean())
    loss = TopKCrossEntropyLoss("multiclass", share=0.5, threshold=1e-9)(logits, target)
    torch.testing.assert_close(loss, nll[:50].mean())


def test_only_the_hardest_elements_are_learned() -> None:
    logits, target = sample()
    logits.requires_grad_()
    loss = TopKCrossEntropyLoss("multiclass", share=0.1)
    loss(logits, target).backward()
    assert (logits.grad.abs().sum(1) > 0).sum() == 10


def test_the_hardest_element_is_kept_when_the_batch_is_walked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 64)
    for seed in range(5):
        logits = torch.randn(2, 4, 999, generator=torch.Generator().manual_seed(seed))
        target = torch.zeros(2, 999, dtype=torch.long)
        loss = TopKCrossEntropyLoss("multiclass", share=0.0)(logits, target)
        torch.testing.assert_close(loss, ranked(logits, target)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 1.5}, r"`share` must be from 0 to 1; got 1\.5"),
        ({"threshold": 0}, r"`threshold` must be above 0; got 0"),
        ({"threshold": 2}, r"`threshold` must be from 0 to 1; got 2"),
    ],
)
def test_wrong_options_are_errors(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TopKCrossEntropyLoss("binary", **options)


def test_the_share_is_rounded_to_whole_elements() -> None:
    logits = torch.tensor([3.0, 0.0, 2.0, -1.0, 1.0, 5.0])
    hardest = F.softplus(torch.tensor([0.0, 1.0])).mean()  # 0.3 of six: two
    for weight in (None, torch.ones(6)):
        value = TopKCrossEntropyLoss("binary", share=0.3)(logits, torch.ones(6), weight)
        torch.testing.assert_close(value, hardest)

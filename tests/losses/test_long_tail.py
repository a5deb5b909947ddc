"""Losses for long tails: logit adjustment, LDAM and seesaw."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.losses import (
    CountedLoss,
    CrossEntropyLoss,
    LDAMLoss,
    LogitAdjustedLoss,
    Loss,
    SeesawLoss,
)

COUNTS = [900, 90, 9, 1]


def sample() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(8, 4, 3, generator=rng, dtype=torch.float64)
    return logits, torch.randint(4, (8, 3), generator=rng)


@pytest.mark.parametrize("tau", [0.0, 1.0, 1.5])
def test_logit_adjustment_adds_the_logarithm_of_the_prior(tau: float) -> None:
    logits, target = sample()
    prior = torch.tensor(COUNTS, dtype=torch.float64) / 1000
    expected = F.cross_entropy(logits + tau * prior.log().reshape(4, 1), target)
    loss = LogitAdjustedLoss("multiclass", class_counts=COUNTS, tau=tau)
    torch.testing.assert_close(loss(logits, target), expected, rtol=1e-6, atol=0)


def test_ldam_takes_the_margin_off_the_true_class() -> None:
    logits, target = sample()
    margins = torch.tensor(COUNTS, dtype=torch.float64) ** -0.25
    margins = 0.5 * margins / margins.max()
    lowered = logits.clone()
    for n in range(8):
        for place in range(3):
            label = target[n, place]
            lowered[n, label, place] -= margins[label]
    loss = LDAMLoss("multiclass", class_counts=COUNTS)
    expected = F.cross_entropy(30 * lowered, target)
    torch.testing.assert_close(loss(logits, target), expected, rtol=1e-6, atol=0)


def test_ldam_takes_class_weights_for_its_deferred_stage() -> None:
    logits, target = sample()
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    values = LDAMLoss("multiclass", class_counts=COUNTS, reduction="none")(logits, target)
    labels = {"kind": "multiclass", "class_weights": [1, 2, 3, 4]}
    loss = LDAMLoss(labels, class_counts=COUNTS)(logits, target)
    expected = (values * weights[target]).sum() / weights[target].sum()
    torch.testing.assert_close(loss, expected)


def seesaw(logits: Tensor, label: int, p: float, q: float) -> Tensor:
    """Return the loss of one element, factor by factor."""
    share = logits.softmax(0).detach()
    total = logits.new_zeros(())
    for other in range(4):
        mitigation = min(1.0, COUNTS[other] / COUNTS[label]) ** p
        compensation = max(1.0, float(share[other] / share[label])) ** q
        total = total + mitigation * compensation * logits[other].exp()
    return total.log() - logits[label]


@pytest.mark.parametrize(("p", "q"), [(0.8, 2.0), (0.0, 1.0), (1.0, 0.0)])
def test_seesaw_weighs_each_rival(p: float, q: float) -> None:
    logits, target = sample()
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    places = [(n, place) for n in range(8) for place in range(3)]
    values = [seesaw(theirs[n, :, k], int(target[n, k]), p, q) for n, k in places]
    expected = torch.stack(values).mean()
    loss = SeesawLoss("multiclass", class_counts=COUNTS, p=p, q=q)(ours, target)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
    slope = [
        torch.autograd.grad(each, leaf)[0] for each, leaf in ((loss, ours), (expected, theirs))
    ]
    torch.testing.assert_close(slope[0], slope[1], rtol=1e-5, atol=1e-9)


def test_seesaw_of_equal_classes_is_cross_entropy() -> None:
    logits, target = sample()
    expected = CrossEntropyLoss("multiclass")(logits, target)
    loss = SeesawLoss("multiclass", class_counts=[5, 5, 5, 5], q=0.0)
    torch.testing.assert_close(loss(logits, target), expected)


@pytest.mark.parametrize("loss", [LogitAdjustedLoss, LDAMLoss, SeesawLoss])
def test_one_hot_labels_are_read_as_class_numbers(loss: type[Loss]) -> None:
    logits, target = sample()
    built = loss("multiclass", class_counts=COUNTS)
    one_hot = F.one_hot(target, 4).movedim(-1, 1).double()
    torch.testing.assert_close(built(logits, one_hot), built(logits, target))


@pytest.mark.parametrize("loss", [LogitAdjustedLoss, LDAMLoss, SeesawLoss])
@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1, 0], r"`class_counts` must be above 0; got 0"),
        ([1], r"`class_counts` must have one entry for each class; got \[1\]"),
        ([1, 2], r"`class_counts` must have one entry for each of the 4 classes; got 2"),
    ],
)
def test_wrong_counts_are_errors(loss: type[Loss], counts: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        loss("multiclass", class_counts=counts)(*sample())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LogitAdjustedLoss("multiclass", class_counts=COUNTS, tau=-1), r"`tau` must be at"),
        (lambda: LDAMLoss("multiclass", class_counts=COUNTS, scale=0), r"`scale` must be above 0"),
        (
            lambda: LDAMLoss("multiclass", class_counts=COUNTS, max_margin=0),
            r"`max_margin` must",
        ),
        (lambda: SeesawLoss("multiclass", class_counts=COUNTS, p=-1), r"`p` must be at least 0"),
        (lambda: SeesawLoss("multiclass", class_counts=COUNTS, q=-1), r"`q` must be at least 0"),
    ],
)
def test_wrong_options_are_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


AUTO: list[type[CountedLoss]] = [LogitAdjustedLoss, LDAMLoss, SeesawLoss]


@pytest.mark.parametrize("loss_class", AUTO)
def test_counts_that_nobody_counted_are_an_error(loss_class: type[CountedLoss]) -> None:
    loss = loss_class("multiclass", class_counts="auto")
    with pytest.raises(ValueError, match=r"`class_counts` must be known .* got 'auto'"):
        loss(*sample())


@pytest.mark.parametrize("loss_class", AUTO)
def test_counts_that_come_later_are_as_good_and_are_saved(loss_class: type[CountedLoss]) -> None:
    expected = loss_class("multiclass", class_counts=COUNTS)(*sample())
    loss, other = (loss_class("multiclass", class_counts="auto") for _ in range(2))
    loss.set_class_counts(torch.tensor(COUNTS))
    torch.testing.assert_close(loss(*sample()), expected, rtol=0, atol=0)
    other.load_state_dict(loss.state_dict())
    torch.testing.assert_close(other(*sample()), expected, rtol=0, atol=0)
    assert not loss_class("multiclass", class_counts=COUNTS).state_dict()


def test_another_word_than_auto_is_an_error() -> None:
    with pytest.raises(ValueError, match="`class_counts` must be one of 'auto'; got 'count'"):
        SeesawLoss("multiclass", class_counts="count")

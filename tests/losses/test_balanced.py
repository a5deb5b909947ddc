"""Balanced and RCF cross-entropy against sums over pixels, written as the papers have them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pl_losses.losses import BalancedCrossEntropyLoss, RCFCrossEntropyLoss


def images() -> tuple[Tensor, Tensor]:
    """Return logits and edges of three images; the last one has no edge."""
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 1, 5, 4, generator=rng, dtype=torch.float64)
    edges = (torch.rand(3, 1, 5, 4, generator=rng) < 0.3).long()
    edges[2] = 0
    return logits, edges


def naive(logits: Tensor, edges: Tensor, price: float) -> Tensor:
    """Return one image's sum: positives by the share of negatives, and the other way round."""
    total = logits.new_zeros(())
    decided = edges < 2
    share = (edges[decided] == 1).double().mean()
    for x, y in zip(logits[decided], edges[decided], strict=True):
        p = 1 / (1 + (-x).exp())
        total = total - ((1 - share) * p.log() if y == 1 else price * share * (1 - p).log())
    return total


def test_each_image_is_balanced_by_itself() -> None:
    logits, edges = images()
    expected = sum(naive(x, y, 1.0) for x, y in zip(logits, edges, strict=True))
    loss = BalancedCrossEntropyLoss("binary", reduction="sum")(logits, edges)
    torch.testing.assert_close(loss, expected)


def test_the_batch_can_be_balanced_as_one_image() -> None:
    logits, edges = images()
    loss = BalancedCrossEntropyLoss("binary", per="batch", reduction="sum")(logits, edges)
    torch.testing.assert_close(loss, naive(logits, edges, 1.0))


def test_both_labels_have_the_same_say() -> None:
    _, edges = images()
    edges[2, 0, 0, 0] = 1
    loss = BalancedCrossEntropyLoss("binary", reduction="none")(torch.zeros(edges.shape), edges)
    positive, negative = (loss * edges).sum((1, 2, 3)), (loss * (1 - edges)).sum((1, 2, 3))
    torch.testing.assert_close(positive, negative)


def test_ignored_elements_are_not_counted() -> None:
    logits, edges = images()
    whole = BalancedCrossEntropyLoss("binary", reduction="sum")(logits[..., :2], edges[..., :2])
    edges[..., 2:] = 255
    labels = {"kind": "binary", "ignore_index": 255}
    loss = BalancedCrossEntropyLoss(labels, reduction="sum")(logits, edges)
    torch.testing.assert_close(loss, whole)


def test_class_weights_come_on_top_of_the_balance() -> None:
    logits, edges = images()
    edges = torch.ones_like(edges) - edges  # the last image: edges only
    edges[2, 0, 0] = 0
    plain = BalancedCrossEntropyLoss("binary", reduction="none")(logits, edges)
    labels = {"kind": "binary", "class_weights": [1, 8]}
    weighed = BalancedCrossEntropyLoss(labels, reduction="none")(logits, edges)
    torch.testing.assert_close(weighed, plain * (1 + 7 * edges))


def test_an_image_of_negatives_alone_teaches_nothing() -> None:
    logits = torch.zeros(1, 1, 4, 4, requires_grad=True)
    loss = BalancedCrossEntropyLoss("binary")(logits, torch.zeros(1, 1, 4, 4))
    loss.backward()
    assert loss == 0
    assert (logits.grad == 0).all()


def test_plain_classification_is_balanced_over_the_batch() -> None:
    logits, target = torch.randn(8, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 4
    target = (target == 0).long()
    loss = BalancedCrossEntropyLoss("binary", reduction="sum")(logits, target)
    torch.testing.assert_close(loss.double(), naive(logits.double(), target, 1.0))


def test_each_class_of_a_multilabel_image_is_balanced_by_itself() -> None:
    logits, edges = images()
    logits, edges = logits.movedim(0, 1), edges.movedim(0, 1)
    expected = sum(naive(logits[0, c], edges[0, c], 1.0) for c in range(3))
    loss = BalancedCrossEntropyLoss("multilabel", reduction="sum")(logits, edges)
    torch.testing.assert_close(loss, expected)


def test_rcf_prices_the_negatives_and_skips_the_undecided() -> None:
    logits, edges = images()
    edges[:, :, 1] = 2
    expected = sum(naive(x, y, 1.1) for x, y in zip(logits, edges, strict=True))
    loss = RCFCrossEntropyLoss("binary", reduction="sum")(logits, edges)
    torch.testing.assert_close(loss, expected)


def test_rcf_divides_by_what_is_decided_and_not_ignored() -> None:
    logits, edges = images()
    edges[:, :, 1], edges[:, :, 2] = 2, 255
    labels = {"kind": "binary", "ignore_index": 255}
    mean = RCFCrossEntropyLoss(labels)(logits, edges)
    total = RCFCrossEntropyLoss(labels, reduction="sum")(logits, edges)
    torch.testing.assert_close(mean, total / (edges < 2).sum())


def test_rcf_without_undecided_labels_is_balanced_cross_entropy_at_price_one() -> None:
    logits, edges = images()
    rcf = RCFCrossEntropyLoss("binary", lambda_=1.0, undecided=None)(logits, edges.double() * 0.5)
    balanced = BalancedCrossEntropyLoss("binary")(logits, edges.double() * 0.5)
    torch.testing.assert_close(rcf, balanced)


def test_rcf_weighs_what_is_decided() -> None:
    logits, edges = images()
    edges[:, :, 1] = 2
    weight = torch.ones(edges.shape)
    weight[:, :, 3:] = 0
    expected = RCFCrossEntropyLoss("binary")(logits[:, :, :3], edges[:, :, :3])
    torch.testing.assert_close(RCFCrossEntropyLoss("binary")(logits, edges, weight), expected)


def test_all_undecided_is_zero() -> None:
    logits = torch.randn(2, 1, 3, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = RCFCrossEntropyLoss("binary")(logits, torch.full((2, 1, 3, 3), 2))
    loss.backward()
    assert loss == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BalancedCrossEntropyLoss("binary", per="pixel"), r"`per` must be one of 'image'"),
        (lambda: BalancedCrossEntropyLoss("multiclass"), r"`labels` must be binary or multilabel"),
        (
            lambda: RCFCrossEntropyLoss("binary", lambda_=-1),
            r"`lambda_` must be at least 0",
        ),
        (lambda: RCFCrossEntropyLoss("binary", per="pixel"), r"`per` must be one of 'image'"),
    ],
)
def test_wrong_options_are_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()

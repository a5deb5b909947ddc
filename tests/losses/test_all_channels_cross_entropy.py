"""Cross-entropy of all channels against its textbook form, and where that form breaks."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.core.likelihood import SoftmaxLikelihood, log_refusals
from pl_losses.losses import AllChannelsCrossEntropyLoss


def sample() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(4, 5, 3, 2, generator=rng, dtype=torch.float64)
    return logits, torch.randint(5, (4, 3, 2), generator=rng)


def textbook(p: Tensor, target: Tensor) -> Tensor:
    truth = F.one_hot(target, p.shape[1]).movedim(-1, 1)
    return -(truth * p.log() + (1 - truth) * (1 - p).log()).sum(1).mean()


def test_softmax_reading_is_the_textbook_form() -> None:
    logits, target = sample()
    loss = AllChannelsCrossEntropyLoss("multiclass")(logits, target)
    torch.testing.assert_close(loss, textbook(logits.softmax(1), target))


def test_sigmoid_reading_is_the_sum_of_torchs_binary_losses() -> None:
    logits, target = sample()
    loss = AllChannelsCrossEntropyLoss("multiclass", reading="sigmoid")(logits, target)
    truth = F.one_hot(target, 5).movedim(-1, 1).double()
    expected = 5 * F.binary_cross_entropy_with_logits(logits, truth)
    torch.testing.assert_close(loss, expected)


def test_value_of_the_worked_example() -> None:
    logits = torch.tensor([[0.1, 0.5, 0.1, 0.3]], dtype=torch.float64).log()
    loss = AllChannelsCrossEntropyLoss("multiclass")(logits, torch.tensor([0]))
    assert loss.item() == pytest.approx(-sum(torch.tensor([0.1, 0.5, 0.9, 0.7]).log()).item())


@pytest.mark.parametrize("size", [1.0, 30.0, 1e4])
def test_value_and_slope_hold_where_a_probability_rounds_to_one(size: float) -> None:
    rng = torch.Generator().manual_seed(0)
    logits = (size * torch.randn(64, 6, generator=rng)).requires_grad_()
    exact = logits.detach().double().requires_grad_()
    for leaf in (logits, exact):
        log_refusals(leaf).sum().backward()
    # The naive sum over the others, class by class, in double precision.
    others = [
        torch.cat([exact[:, :k], exact[:, k + 1 :]], 1).logsumexp(1) - exact.logsumexp(1)
        for k in range(6)
    ]
    naive = torch.stack(others, 1)
    torch.testing.assert_close(log_refusals(logits).double(), naive, rtol=1e-5, atol=1e-6)
    (slope,) = torch.autograd.grad(naive.sum(), exact)
    torch.testing.assert_close(exact.grad, slope, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(logits.grad.double(), slope, rtol=1e-4, atol=1e-5)


def test_a_perfect_prediction_costs_nothing_however_sure() -> None:
    logits = torch.tensor([[1e4, -1e4, 3.0]])
    assert AllChannelsCrossEntropyLoss("multiclass")(logits, torch.tensor([0])) == 0


def test_ties_share_the_slope() -> None:
    logits = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda leaf: log_refusals(leaf).square().sum(), logits)


def test_unknown_reading_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"`reading` must be one of 'softmax', 'sigmoid'; got"):
        AllChannelsCrossEntropyLoss("multiclass", reading="both")


def test_the_wrong_classes_of_a_good_prediction_keep_the_digits_of_their_small_cost() -> None:
    logits, target = torch.tensor([[12.0, 1.0, 2.0]]), torch.tensor([0])
    exact = SoftmaxLikelihood(logits.double(), target).others_nll
    cost = SoftmaxLikelihood(logits, target).others_nll
    torch.testing.assert_close(cost.double(), exact, rtol=1e-5, atol=0)

"""What the logits say of the truth, against naive formulas in double precision."""

import pytest
import torch
from torch import Tensor

from pl_losses.core.likelihood import (
    Likelihood,
    SigmoidLikelihood,
    SoftLabelLikelihood,
    SoftmaxLikelihood,
    at_truth,
    log_refusals,
)


def logits(*shape: int) -> Tensor:
    return 2 * torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def likelihoods() -> dict[str, Likelihood]:
    rng = torch.Generator().manual_seed(1)
    classes = torch.randint(3, (2, 4), generator=rng)
    soft = torch.rand(2, 3, 4, generator=rng, dtype=torch.float64)
    return {
        "sigmoid": SigmoidLikelihood(
            logits(2, 5), torch.tensor([[0.0, 1.0, 0.3, 1.0, 0.0]] * 2).double()
        ),
        "softmax": SoftmaxLikelihood(logits(2, 3, 4), classes),
        "distribution": SoftLabelLikelihood(logits(2, 3, 4), soft / soft.sum(1, keepdim=True)),
    }


every = pytest.mark.parametrize("likelihood", likelihoods().values(), ids=list(likelihoods()))


def whole(likelihood: Likelihood) -> tuple[Tensor, Tensor]:
    """Return probabilities and labels of all alternatives, along axis 1."""
    p, y = likelihood.probabilities, likelihood.truth.double()
    if isinstance(likelihood, SigmoidLikelihood):
        return torch.stack([1 - p, p], 1), torch.stack([1 - y, y], 1)
    return p, y


@every
def test_nll_is_the_cross_entropy(likelihood: Likelihood) -> None:
    p, y = whole(likelihood)
    torch.testing.assert_close(likelihood.nll.double(), -(y * p.log()).sum(1))
    torch.testing.assert_close(likelihood.p.double(), (p**y).prod(1))


@every
def test_uniform_nll_is_the_cross_entropy_of_a_uniform_label(likelihood: Likelihood) -> None:
    p, _ = whole(likelihood)
    torch.testing.assert_close(likelihood.uniform_nll, -p.log().mean(1))


@every
@pytest.mark.parametrize("smoothing", [0.0, 0.2, 1.0])
def test_smooth_nll_spreads_a_share_of_the_label(likelihood: Likelihood, smoothing: float) -> None:
    p, y = whole(likelihood)
    smooth = (1 - smoothing) * y + smoothing / p.shape[1]
    torch.testing.assert_close(
        likelihood.smooth_nll(smoothing).double(), -(smooth * p.log()).sum(1)
    )


@every
def test_others_nll_is_the_surprise_at_the_wrong_labels(likelihood: Likelihood) -> None:
    p, y = whole(likelihood)
    expected = -((1 - y) * (1 - p).log()).sum(1)
    torch.testing.assert_close(likelihood.others_nll.double(), expected)


def test_refusals_keep_their_digits_where_one_minus_p_has_none() -> None:
    scores = torch.tensor([[60.0, 0.0, 0.0]], requires_grad=True)
    refusals = log_refusals(scores)
    torch.testing.assert_close(refusals[0, 0], torch.tensor(2.0).log() - 60)
    refusals[0, 0].backward()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()
    torch.testing.assert_close(scores.grad[0, 0], torch.tensor(-1.0))


def test_at_truth_picks_the_class_or_averages_over_the_label() -> None:
    values = torch.tensor([[1.0, 2.0, 4.0]])
    assert at_truth(values, torch.tensor([2])) == 4
    assert at_truth(values, torch.tensor([[0.5, 0.0, 0.5]])) == 2.5

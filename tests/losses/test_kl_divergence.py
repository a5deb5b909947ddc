"""Kullback-Leibler divergence against torch's own."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.losses import CrossEntropyLoss, KLDivergenceLoss


def sample() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    shape = (3, 4, 5)
    student, teacher = (torch.randn(shape, generator=rng, dtype=torch.float64) for _ in range(2))
    return student, teacher


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_a_teachers_logits_and_probabilities_give_torchs_value(temperature: float) -> None:
    student, teacher = sample()
    kl = F.kl_div(
        (student / temperature).log_softmax(1), (teacher / temperature).softmax(1), reduction="sum"
    )
    expected = temperature**2 * kl / 15
    logits = KLDivergenceLoss("multiclass", temperature=temperature, teacher="logits")
    shares = KLDivergenceLoss("multiclass", temperature=temperature)
    torch.testing.assert_close(logits(student, teacher), expected)
    torch.testing.assert_close(shares(student, teacher.softmax(1)), expected)


@pytest.mark.parametrize("kind", ["binary", "multilabel"])
def test_yes_or_no_is_a_distribution_over_two(kind: str) -> None:
    student, teacher = sample()
    p, q = (student / 2).sigmoid(), (teacher / 2).sigmoid()
    expected = 4 * (q * (q / p).log() + (1 - q) * ((1 - q) / (1 - p)).log()).mean()
    loss = KLDivergenceLoss(kind, temperature=2.0, teacher="logits")
    torch.testing.assert_close(loss(student, teacher), expected)
    shares = KLDivergenceLoss(kind, temperature=2.0)
    torch.testing.assert_close(shares(student, teacher.sigmoid()), expected)


def test_of_a_hard_label_it_is_cross_entropy_at_any_form() -> None:
    student, _ = sample()
    target = torch.randint(4, (3, 5), generator=torch.Generator().manual_seed(0))
    one_hot = F.one_hot(target, 4).movedim(-1, 1)
    expected = 9 * CrossEntropyLoss("multiclass")(student / 3, target)
    loss = KLDivergenceLoss("multiclass", temperature=3.0)
    for form in (target, one_hot, one_hot.double()):
        torch.testing.assert_close(loss(student, form), expected)


def test_agreeing_costs_nothing_and_teaches_nothing() -> None:
    _, teacher = sample()
    student = teacher.clone().requires_grad_()
    loss = KLDivergenceLoss("multiclass", temperature=2.0, teacher="logits")(student, teacher)
    loss.backward()
    torch.testing.assert_close(loss, torch.zeros_like(loss), rtol=0, atol=1e-12)
    torch.testing.assert_close(student.grad, torch.zeros_like(teacher), rtol=0, atol=1e-12)


def test_the_teacher_gets_no_gradient() -> None:
    student, teacher = sample()
    teacher.requires_grad_()
    loss = KLDivergenceLoss("multiclass", teacher="logits")(student.requires_grad_(), teacher)
    loss.backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0


def test_a_mark_of_what_is_ignored_survives_the_softening() -> None:
    student, teacher = sample()
    target = teacher.softmax(1)
    target[:, :, 3:] = -100.0
    loss = KLDivergenceLoss("multiclass", temperature=2.0)
    expected = loss(student[..., :3], target[..., :3])
    torch.testing.assert_close(loss(student, target), expected)


def test_wrong_input_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"`temperature` must be above 0; got 0"):
        KLDivergenceLoss("binary", temperature=0)
    with pytest.raises(ValueError, match=r"`teacher` must be one of 'probabilities', 'logits'"):
        KLDivergenceLoss("binary", teacher="labels")
    loss = KLDivergenceLoss("multiclass", teacher="logits")
    with pytest.raises(ValueError, match=r"`target` must have shape \(2, 3\); got shape \(2,\)"):
        loss(torch.zeros(2, 3), torch.zeros(2))
    with pytest.raises(ValueError, match=r"`target` must have a floating dtype; got torch\.int64"):
        loss(torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.long))

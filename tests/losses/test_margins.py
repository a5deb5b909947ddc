"""Hinge and ramp loss against loops over the classes."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.losses import HingeLoss, RampLoss


def sample() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(5, 4, 3, generator=rng, dtype=torch.float64)
    return logits, torch.randint(4, (5, 3), generator=rng)


def scores(logits: Tensor, target: Tensor) -> Tensor:
    """Return the logit of the true class less the greatest of the others."""
    rows = logits.movedim(1, -1).reshape(-1, logits.shape[1]).tolist()
    pairs = zip(rows, target.flatten().tolist(), strict=True)
    each = [row[y] - max(x for k, x in enumerate(row) if k != y) for row, y in pairs]
    return torch.tensor(each, dtype=torch.float64)


def test_multiclass_hinge_compares_with_the_strongest_rival() -> None:
    logits, target = sample()
    expected = (1 - scores(logits, target)).clamp_min(0).mean()
    torch.testing.assert_close(HingeLoss("multiclass")(logits, target), expected)


def test_two_classes_are_torchs_margin_loss() -> None:
    logits, target = sample()
    logits, target = logits[:, :2, 0], target[:, 0] % 2
    expected = 2 * F.multi_margin_loss(logits, target, margin=0.7)  # torch divides by the classes
    torch.testing.assert_close(HingeLoss("multiclass", margin=0.7)(logits, target), expected)


def test_binary_hinge_reads_zero_as_minus_one() -> None:
    logits, target = sample()
    logits, target = logits[:, 0], target % 2
    expected = (1 - (2 * target - 1) * logits).clamp_min(0).mean()
    torch.testing.assert_close(HingeLoss("binary")(logits, target), expected)


def test_a_tie_of_the_best_classes_scores_nothing() -> None:
    logits = torch.tensor([[2.0, 2.0, 0.0]])
    for label in (0, 1):
        assert HingeLoss("multiclass")(logits, torch.tensor([label])) == 1


@pytest.mark.parametrize("loss", [HingeLoss, RampLoss])
def test_a_soft_label_costs_the_mean_of_its_hard_ones(
    loss: type[HingeLoss] | type[RampLoss],
) -> None:
    logits, _ = sample()
    hard = [loss("multiclass")(logits, torch.full((5, 3), k)) for k in range(4)]
    soft = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    target = soft.reshape(1, 4, 1).expand(5, 4, 3)
    torch.testing.assert_close(loss("multiclass")(logits, target), (soft * torch.stack(hard)).sum())
    no, yes = (loss("binary")(logits, torch.full((5, 4, 3), k)) for k in (0, 1))
    torch.testing.assert_close(
        loss("binary")(logits, torch.full((5, 4, 3), 0.3)), 0.7 * no + 0.3 * yes
    )


def test_ramp_is_hinge_with_a_ceiling() -> None:
    logits, target = sample()
    expected = (1 - scores(logits, target)).clamp(0, 1.5).mean()
    torch.testing.assert_close(RampLoss("multiclass", floor=-0.5)(logits, target), expected)


def test_beyond_the_ceiling_nothing_is_learned() -> None:
    logits = torch.tensor([-5.0], requires_grad=True)
    loss = RampLoss("binary")(logits, torch.tensor([1]))
    loss.backward()
    assert loss == 2
    assert logits.grad == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HingeLoss("binary", margin=0), r"`margin` must be above 0; got 0"),
        (lambda: RampLoss("binary", floor=1), r"`floor` must be below 1; got 1"),
    ],
)
def test_wrong_options_are_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()

"""A ratio without a whole is 0, and so is its slope, however small the whole."""

import pytest
import torch

from pl_losses.core.ratios import ratio


@pytest.mark.parametrize("whole", [0.0, -1.0, 1e-45, 1e-39])
def test_nothing_is_divided_by_next_to_nothing(whole: float) -> None:
    part = torch.tensor([0.0, 1.0], requires_grad=True)
    of = torch.full((2,), whole, requires_grad=True)
    shares = ratio(part, of)
    slopes = torch.autograd.grad(shares.sum(), (part, of))
    assert (shares == 0).all()
    assert all((slope == 0).all() for slope in slopes)


def test_everything_else_is_divided() -> None:
    assert torch.autograd.gradcheck(
        ratio,
        (
            torch.tensor([0.0, 1.0, -3.0], dtype=torch.float64, requires_grad=True),
            torch.tensor([2.0, 1e-2, 5.0], dtype=torch.float64, requires_grad=True),
        ),
    )
    torch.testing.assert_close(ratio(torch.tensor(3.0), torch.tensor(4.0)), torch.tensor(0.75))

"""Powers equal torch's, and keep a finite slope at zero."""

import pytest
import torch

from pl_losses.core.powers import power

EXPONENTS = [0, 0.3, 0.5, 1, 1.5, 2, 2.5, 3, 7]

every = pytest.mark.parametrize("exponent", EXPONENTS)


@every
def test_equals_torch(exponent: float) -> None:
    base = torch.linspace(0.01, 4, 50, dtype=torch.float64)
    torch.testing.assert_close(power(base, exponent), base**exponent)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_is_finite_with_a_finite_slope_at_zero(exponent: float, dtype: torch.dtype) -> None:
    base = torch.zeros(3, dtype=dtype, requires_grad=True)
    value = power(base, exponent)
    (value + 0 * base).sum().backward()
    torch.testing.assert_close(value, torch.full_like(base, exponent == 0), atol=1e-10, rtol=0)
    assert base.grad is not None
    assert base.grad.isfinite().all()


@every
def test_has_the_slope_of_a_power(exponent: float) -> None:
    base = torch.linspace(0.5, 2, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda each: power(each, exponent) + 0 * each, base)

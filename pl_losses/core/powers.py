"""Powers with any exponent that are fast, and whose slope stays finite at zero."""

import torch
from torch import Tensor


def power(base: Tensor, exponent: float) -> Tensor:
    """Return ``base ** exponent`` for a base and an exponent of at least 0.

    Small whole exponents are products. Others go through the logarithm of a base kept off zero,
    which costs half of ``pow`` and has the slope 0, not infinity, at a base of 0.

    Example:
        >>> base = torch.tensor([0.0, 4.0], requires_grad=True)
        >>> power(base, 0.5).sum().backward()
        >>> base.grad
        tensor([0.0000, 0.2500])
    """
    if exponent == 0:
        return torch.ones_like(base)
    if exponent == 1:
        return base
    if exponent == 2:
        return base * base
    if exponent == 3:
        return base * base * base
    if exponent == 4:
        return power(base * base, 2)
    tiny = torch.finfo(base.dtype).tiny
    return (exponent * base.clamp_min(tiny).log()).exp()

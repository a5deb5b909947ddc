"""Weights of classes from how often they occur."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pl_losses.core.checks import check_above, check_between


def balanced_weights(counts: Tensor) -> Tensor:
    r"""Class weights under which each class has the same say.

    .. math::
        w_c = \frac{\sum_k n_k}{K\,n_c}

    where :math:`n_c` is the number of elements of class c, and K the number of classes. Over the
    counted elements the weights average 1. A class without elements weighs as much as the rarest
    that has some, and is left out of K.

    Args:
        counts: Number of elements of each class, shape ``(*, K)``; each row is balanced by itself.

    Returns:
        Weights in float32, same shape.

    Example:
        >>> balanced_weights(torch.tensor([90, 10]))
        tensor([0.5556, 5.0000])
    """
    there = counts > 0
    total = counts.sum(-1, keepdim=True).clamp_min(1)
    classes = there.sum(-1, keepdim=True).clamp_min(1)
    return total / (classes * _filled(counts))


def effective_number_weights(counts: Tensor, beta: float = 0.999) -> Tensor:
    r"""Class weights by the effective number of elements.

    .. math::
        w_c \propto \frac{1 - \beta}{1 - \beta^{n_c}}, \qquad \sum_c w_c = K

    where :math:`n_c` is the number of elements of class c: the more there are, the less a further
    one adds. All weights are 1 at :math:`\beta = 0`; as :math:`\beta \to 1` they tend to those of
    :func:`balanced_weights`, up to a factor. A class without elements weighs as much as the
    rarest that has some.

    Args:
        counts: Number of elements of each class, shape ``(*, K)``; each row is balanced by itself.
        beta: :math:`\beta` from 0 to 1; the paper tries 0.9 to 0.9999.

    Returns:
        Weights in float32, same shape.

    Raises:
        ValueError: If ``beta`` is not from 0 to 1.

    Example:
        >>> effective_number_weights(torch.tensor([1000, 10]), beta=0.99)
        tensor([0.1746, 1.8254])

    References:
        Cui et al., `Class-Balanced Loss Based on Effective Number of Samples
        <https://arxiv.org/abs/1901.05555>`_, CVPR 2019.
    """
    check_between("beta", beta, 0, 1)
    filled = _filled(counts)
    # At the limits a class counts as one, or as its number.
    number = filled**beta if beta in (0, 1) else -torch.expm1(filled * math.log(beta))
    return counts.shape[-1] / (number * (1 / number).sum(-1, keepdim=True))


def check_counts(name: str, counts: Sequence[float]) -> Tensor:
    """Return the numbers of elements of at least two classes as a tensor, each above 0."""
    if len(counts) < 2:
        raise ValueError(f"`{name}` must have one entry for each class; got {list(counts)}.")
    return torch.tensor([check_above(name, each, 0) for each in counts], dtype=torch.float32)


def _filled(counts: Tensor) -> Tensor:
    counts = counts.float()
    some = counts.where(counts > 0, torch.inf)
    rarest = some.amin(-1, keepdim=True)
    return torch.where(counts > 0, counts, rarest.where(rarest.isfinite(), 1.0))

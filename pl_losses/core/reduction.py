"""From the loss of each element to one number; no other file sums or averages over a batch."""

from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor

Reduction = Literal["mean", "sum", "none", "global_mean"]


def weigh(values: Tensor, weight: Tensor | None) -> Tensor:
    """Return the values times their weights; what weighs nothing is 0, even if not finite."""
    if weight is None:
        return values
    # A plain product would keep the NaN of an ignored element: 0 * nan is nan.
    return torch.where(weight == 0, 0.0, weight * values)


def reduce(
    values: Tensor, reduction: Reduction, weight: Tensor | None = None, *, finite: bool = False
) -> Tensor:
    r"""Weigh the loss values and reduce them.

    The mean is :math:`\sum_i w_i v_i / \sum_i w_i`, as in torch's own cross-entropy. An element
    of weight zero is ignored, even if its value is not finite; a batch in which every element
    is ignored, or that has none, has loss zero.

    Args:
        values: Loss of each element, any shape.
        reduction: ``"mean"``, ``"sum"``, ``"none"`` (the weighed values themselves), or
            ``"global_mean"`` (see :func:`divide`).
        weight: Weight of each element, at least zero, broadcastable to ``values``.
        finite: Whether every value is known to be finite, so that a product weighs it.

    Returns:
        A scalar; with ``"none"``, a tensor in the shape of ``values``.

    Example:
        >>> reduce(torch.tensor([1.0, 5.0]), "mean", torch.tensor([3.0, 1.0]))
        tensor(2.)
    """
    weighed = values * weight if finite and weight is not None else weigh(values, weight)
    if reduction == "none":
        return weighed
    if weight is None:
        # Not `mean`: its gradient is written out in full, that of a sum is one number expanded.
        return divide(weighed.sum(), values.numel(), reduction)
    return divide(weighed.sum(), weight.expand_as(values).sum(), reduction)


def divide(total: Tensor, mass: Tensor | float, reduction: Reduction) -> Tensor:
    r"""Return the sum, or the sum over the mass :math:`\sum_i w_i` of what it sums.

    ``"mean"`` divides by the mass of this process's batch. Under data-parallel training, ranks
    that hold unequal numbers of valid elements then average means. ``"global_mean"`` divides by
    the mean mass of all ranks instead, so that the averaged gradient is that of
    :math:`\sum_i w_i v_i / \sum_i w_i` over the whole, joined batch; with one process the two
    are the same.
    """
    if reduction == "sum":
        return total
    if reduction == "global_mean" and dist.is_available() and dist.is_initialized():
        mass = mean_over_ranks(total.new_zeros(()) + mass)
    if isinstance(mass, Tensor):
        # Not a clamp to something tiny: its reciprocal overflows once a loss scale multiplies it.
        return total / (mass + (mass == 0))
    return total / (mass if mass > 0 else 1)


def mean_over_ranks(value: Tensor) -> Tensor:
    """Return the mean of a tensor over all ranks, detached; every rank must call this."""
    value = value.detach().clone()
    dist.all_reduce(value)
    return value / dist.get_world_size()

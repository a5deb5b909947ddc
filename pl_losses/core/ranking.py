"""The order of large tensors of numbers that are not negative, largest first."""

import torch
from torch import Tensor

from pl_losses.core.eager import eager_on_cpu

LONG = 1 << 15
"""Numbers from which on torch sorts whole ones by their digits."""


def descending(numbers: Tensor) -> Tensor:
    """Return the places of the numbers along the last axis, largest first, equal ones in order.

    On a CPU, many floats in single precision are sorted by their bits: those of a number that is
    not negative, read as an integer, are in the same order, and a long list of whole numbers is
    sorted three to seven times as fast as one of floats.

    Args:
        numbers: Finite numbers, at least 0, of shape ``(rows, places)``.

    Returns:
        Indices in the shape of ``numbers``.

    Example:
        >>> descending(torch.tensor([[0.5, 3.0, 0.5, 1.0]]))
        tensor([[1, 3, 0, 2]])
    """
    if numbers.dtype != torch.float32 or numbers.numel() < LONG or not eager_on_cpu(numbers):
        return torch.sort(numbers, dim=-1, descending=True, stable=True).indices
    # Adding 0 turns a negative zero, whose bits are a negative integer, into a plain one.
    keys = torch.iinfo(torch.int32).max - (numbers + 0.0).view(torch.int32)
    rows, places = numbers.shape
    if rows == 1:
        return torch.sort(keys.flatten(), stable=True).indices.unsqueeze(0)
    # Only a single list, in ascending order, is sorted by digits: the row is the first of them.
    row = torch.arange(rows).unsqueeze(-1)
    order = torch.sort((keys + (row << 32)).flatten(), stable=True).indices
    return order.view(rows, places) - row * places

"""Weights of which each process holds a piece (FSDP2, tensor parallelism), seen as a whole."""

from typing import TYPE_CHECKING, TypeGuard

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor


def is_sharded(tensor: Tensor) -> "TypeGuard[DTensor]":
    """Tell whether a process holds only its piece of a tensor.

    Example:
        >>> is_sharded(torch.ones(2))
        False
    """
    # The type first: the import costs as much as half of torch, and most never need it.
    if type(tensor) in (Tensor, nn.Parameter):
        return False
    from torch.distributed.tensor import DTensor

    return isinstance(tensor, DTensor)


def whole(tensor: Tensor) -> Tensor:
    """Return a tensor with the pieces of all processes, which must all come here.

    Example:
        >>> whole(torch.ones(2))
        tensor([1., 1.])
    """
    return tensor.full_tensor() if is_sharded(tensor) else tensor


@torch.no_grad()
def fill(tensor: Tensor, values: Tensor) -> None:
    """Copy values into a tensor, each process its piece; all must come here, with all values.

    Example:
        >>> weight = nn.Parameter(torch.zeros(2))
        >>> fill(weight, torch.ones(2))
        >>> weight.tolist()
        [1.0, 1.0]
    """
    if is_sharded(tensor):
        from torch.distributed.tensor import distribute_tensor

        moved = values.to(tensor.device)
        values = distribute_tensor(moved, tensor.device_mesh, tensor.placements)
    tensor.copy_(values)

"""Checksums of weights, which show what a stage has moved and what it has not."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase

from pl_losses.stages.selection import Selection
from pl_losses.stages.shards import whole

WIDTHS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def checksum(tensor: Tensor) -> Tensor:
    r"""Return a checksum of the bits of a tensor, a scalar in int64.

    .. math:: \sum_i (2i + 1) \, b_i \bmod 2^{64}

    where :math:`b_i` are the bits of element :math:`i` as an integer. The factors are odd, so a
    change of one element never goes unnoticed; they differ, so that order counts.

    Example:
        >>> bool(checksum(torch.tensor([1.0, 2.0])) == checksum(torch.tensor([2.0, 1.0])))
        False
    """
    flat = tensor.detach().contiguous().reshape(-1)
    flat = torch.view_as_real(flat).reshape(-1) if flat.is_complex() else flat
    bits = flat.to(torch.int8) if flat.dtype == torch.bool else flat.view(WIDTHS[flat.itemsize])
    odd = torch.arange(1, 2 * len(bits) + 1, 2, device=bits.device)
    return (odd * bits).sum()


def fingerprint(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """Return the checksums of named tensors, read from the device in one go.

    Tensors in pieces are gathered one at a time, so every process must come here.
    """
    if not tensors:
        return {}
    device = next(iter(tensors.values())).device
    sums = torch.stack([checksum(whole(tensor)).to(device) for tensor in tensors.values()])
    return dict(zip(tensors, sums.tolist(), strict=True))


def still_tensors(selection: Selection, norm: str = "eval") -> dict[str, Tensor]:
    """Return everything that a stage must not move: frozen parameters and resting buffers."""
    return {**selection.frozen, **dict(_resting_buffers(selection, norm))}


def _resting_buffers(selection: Selection, norm: str) -> Iterator[tuple[str, Tensor]]:
    for name, module in selection.resting.items():
        if norm == "eval" or not isinstance(module, _NormBase):
            for key, buffer in module.named_buffers(recurse=False):
                yield f"{name}.{key}", buffer


def moved(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """Return the names of tensors whose checksums differ.

    Example:
        >>> moved({"a": 1, "b": 2}, {"a": 1, "b": 3})
        ['b']
    """
    return [name for name, value in after.items() if before.get(name, value) != value]

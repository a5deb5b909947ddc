"""Which elements do not count."""

import math

import torch
from torch import Tensor

from pl_losses.core.eager import eager_on_cpu


def where_marked(target: Tensor, index: float | None, *, distribution: bool) -> Tensor | None:
    """Return where the target is the mark of what is ignored.

    Args:
        target: The target of a part of a batch.
        index: The mark; ``nan`` works too, ``None`` marks nothing.
        distribution: Whether the target holds label probabilities, ``(N, C, *)``: then the
            ignored class has all of them, or the mark stands in each channel.

    Returns:
        A mask, without the axis of classes of a distribution; ``None`` where nothing is marked, as
        far as that can be seen without waiting for a device.
    """
    if index is None or target.dtype == torch.bool:
        return None
    if target.dtype == torch.uint8 and not 0 <= index <= 255:
        return None  # the comparison would wrap around: uint8 156 == -100
    if distribution:
        inside = 0 <= index < target.shape[1]
        return some(target[:, int(index)] == 1 if inside else target[:, 0] == index)
    return some(target.isnan() if math.isnan(index) else target == index)


def some(mask: Tensor) -> Tensor | None:
    """Return the mask, or ``None`` if a look at it costs nothing and there is nothing in it."""
    return None if eager_on_cpu(mask) and not mask.any() else mask

"""Ratios that stay finite where there is nothing to divide by."""

import torch
from torch import Tensor


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """Return ``part / whole``, and 0, with no slope, where there is no whole.

    Example:
        >>> ratio(torch.tensor([1.0, 0.0]), torch.tensor([4.0, 0.0]))
        tensor([0.2500, 0.0000])
    """
    # Whatever is divided by infinity is 0 in value and in slope. The smallest normal number, not
    # 0, is the limit, since its reciprocal is the greatest that is still finite.
    return part / whole.masked_fill(whole <= torch.finfo(whole.dtype).tiny, torch.inf)

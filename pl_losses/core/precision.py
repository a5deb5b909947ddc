"""In which precision a loss is computed: never below float32, whatever the model runs in."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)


def upcast(tensor: Tensor) -> Tensor:
    """Return half precision as float32, and any other dtype as it is.

    A sum of 2**18 half-precision values overflows at 65504, and a probability in bfloat16 has
    three digits; the model may run in half precision, its loss may not.
    """
    return tensor.float() if tensor.dtype in HALF else tensor


@contextmanager
def full_precision(tensor: Tensor) -> Iterator[None]:
    """Switch autocast off for the device of ``tensor``, where it is on."""
    kind = tensor.device.type
    if kind == "meta" or not torch.is_autocast_enabled(kind):
        yield
        return
    with torch.autocast(kind, enabled=False):
        yield

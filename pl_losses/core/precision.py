"""In which precision a loss is computed: never below float32, whatever the model runs in."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from typing_extensions import Self, override

HALF = (torch.float16, torch.bfloat16)


def upcast(tensor: Tensor) -> Tensor:
    """Return half precision as float32, and any other dtype as it is.

    A sum of 2**18 half-precision values overflows at 65504, and a probability in bfloat16 has
    three digits; the model may run in half precision, its loss may not.
    """
    return tensor.float() if tensor.dtype in HALF else tensor


def full_precision(tensor: Tensor) -> AbstractContextManager[None]:
    """Return a context that switches autocast off for the device of ``tensor``."""
    kind = tensor.device.type
    if kind == "meta" or not torch.is_autocast_enabled(kind):
        return nullcontext()
    off: AbstractContextManager[None] = torch.autocast(kind, enabled=False)
    return off


class FullPrecisionModule(nn.Module):
    """A module whose own numbers stay in float32 when the model around it goes to half precision.

    Class weights and learned balances are few numbers with much leverage: in bfloat16 a weight
    of 30.7 becomes 30.75, and a learning rate of 1e-3 no longer moves a parameter of 1.

    Example:
        >>> module = FullPrecisionModule()
        >>> module.register_buffer("share", torch.ones(1))
        >>> module.half().share.dtype, module.double().share.dtype
        (torch.float32, torch.float64)
    """

    @override
    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        def keep(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return tensor.to(moved.device) if moved.dtype in HALF else moved

        module: Self = super()._apply(keep, recurse)  # type: ignore[no-untyped-call]  # torch's own
        return module

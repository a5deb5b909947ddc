"""Whether operations run one by one on the CPU, so that a step made by hand pays."""

import torch
from torch import Tensor, nn

PLAIN = (Tensor, nn.Parameter)


def eager_on_cpu(*tensors: Tensor) -> bool:
    """Return whether these CPU tensors are computed with as they are.

    A compiler fuses a plain formula by itself, function transforms (vmap, grad, jvp) need to see
    every operation of it, and an accelerator is slowed down by many small launches. What other
    kinds of tensors do, such as fake or distributed ones, is their own affair.
    """
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False  # the second has no public form
    return all(type(each) in PLAIN and each.device.type == "cpu" for each in tensors)

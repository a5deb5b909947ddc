"""Surprise that is hushed where it is small, as one step with its own gradient.

For eager CPU tensors of yes-or-no labels. Autograd would keep six tensors of the size of the
logits and write eight on the way back; here the gradient is made on the way, from what is there.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.core.powers import power


def focused_surprise(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    r"""Return :math:`(1 - p)^\gamma \, n` of each element, with :math:`n = -\log p` in nats.

    Args:
        logits: Logits, any shape.
        target: Label probabilities, same shape; not differentiated.
        gamma: Exponent of at least 1, so that its slope is finite.

    Example:
        >>> focused_surprise(torch.zeros(1), torch.ones(1), 2.0)
        tensor([0.1733])
    """
    values: Tensor = _FocusedSurprise.apply(logits, target, gamma)  # type: ignore[no-untyped-call]  # torch's own
    return values


class _FocusedSurprise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, gamma: float) -> Tensor:
        nll = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        p = nll.neg().exp_()
        error = 1 - p
        hush = power(error, gamma - 1)
        ctx.gamma = gamma
        ctx.save_for_backward(logits, target)
        if ctx.needs_input_grad[0]:
            # d/dn (1 - p)^g n = (1 - p)^(g-1) (1 - p + g p n), and dn/dx = sigmoid(x) - y.
            slope = error.add(p.mul_(nll), alpha=gamma).mul_(hush)
            ctx.slope = slope.mul_(logits.sigmoid().sub_(target))
        return nll.mul_(hush).mul_(error)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        if not torch.is_grad_enabled():
            return grads[0] * ctx.slope, None, None
        logits, target = ctx.saved_tensors  # the gradient itself is to be differentiated
        nll = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        values = power(1 - (-nll).exp(), ctx.gamma) * nll
        return torch.autograd.grad(values, logits, grads[0], create_graph=True)[0], None, None

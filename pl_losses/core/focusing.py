"""Surprise that is hushed where it is small, as one step with its own gradient.

For eager CPU tensors of yes-or-no labels. Autograd would keep six tensors of the size of the
logits and write eight on the way back; here the gradient is made on the way, from what is there.
"""

from typing import Any

import torch
from torch import Tensor

from pl_losses.core.eager import eager_on_cpu
from pl_losses.core.likelihood import Likelihood, SigmoidLikelihood
from pl_losses.core.powers import power


def focused_nll(likelihood: Likelihood, gamma: float) -> Tensor:
    r"""Return :math:`(1 - p)^\gamma \, n` of each element, with :math:`n = -\log p` in nats.

    Args:
        likelihood: What the logits say of the target.
        gamma: Exponent of at least 0.

    Example:
        >>> from pl_losses.core.likelihood import SigmoidLikelihood
        >>> focused_nll(SigmoidLikelihood(torch.zeros(1), torch.ones(1)), 2.0)
        tensor([0.1733])
    """
    logits, target = likelihood.logits, likelihood.target
    # Below an exponent of 1 the slope of the power is not finite where nothing is wrong.
    plain = gamma < 1 or target.requires_grad or not eager_on_cpu(logits, target)
    if plain or not isinstance(likelihood, SigmoidLikelihood):
        return _focused(likelihood.nll, gamma)
    values: Tensor = _FocusedNLL.apply(logits, target, gamma)  # type: ignore[no-untyped-call]  # torch's own
    return values


def _focused(nll: Tensor, gamma: float) -> Tensor:
    return power(1 - (-nll).exp(), gamma) * nll


class _FocusedNLL(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, gamma: float) -> Tensor:
        nll = SigmoidLikelihood(logits, target).nll
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
        values = _focused(SigmoidLikelihood(logits, target).nll, ctx.gamma)
        return torch.autograd.grad(values, logits, grads[0], create_graph=True)[0], None, None

"""Cross-entropy of class numbers as one step with its own gradient, for eager CPU tensors.

Torch makes log-probabilities, and exponentiates them again on the way back. Here the exponentials,
once made, serve both ways, and become the gradient in place. Of yes-or-no logits torch's own
function is as fast as any.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pl_losses.core.eager import eager_on_cpu

ENOUGH = 1 << 14
"""Elements from which on the step made by hand is faster than torch's."""


def softmax_nll(logits: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
    r"""Return the cross-entropy of each class number, in nats.

    Args:
        logits: Logits, shape ``(N, C, *)``.
        target: Class numbers, shape ``(N, *)``.
        smoothing: Share of the label that is spread over all classes, 0 to 1.
    """
    if logits.numel() >= ENOUGH and eager_on_cpu(logits, target):
        values: Tensor = _SoftmaxNLL.apply(logits, target, smoothing)  # type: ignore[no-untyped-call]  # torch's own
        return values
    if torch.compiler.is_compiling():
        return _plain(logits, target, smoothing)
    return F.cross_entropy(logits, target, reduction="none", label_smoothing=smoothing)


def _plain(logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
    # A compiler makes one pass of this; of torch's own function it makes several.
    shifted = logits - logits.detach().amax(1, keepdim=True)
    own = shifted.gather(1, target.unsqueeze(1)).squeeze(1)
    values = shifted.exp().sum(1).log() - own
    return values + smoothing * (own - shifted.mean(1)) if smoothing else values


class _SoftmaxNLL(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
        target = target.unsqueeze(1)
        top, own = logits.amax(1, keepdim=True), logits.gather(1, target)
        shares = (logits - top).exp_()
        whole = shares.sum(1, keepdim=True)
        ctx.shares, ctx.whole, ctx.smoothing = shares, whole, smoothing
        ctx.save_for_backward(logits, target)
        # The difference first: a small logarithm must not be added to a large logit.
        values = (top - own).add_(whole.log())
        if smoothing:
            values.add_(own.sub_(logits.mean(1, keepdim=True)), alpha=smoothing)
        return values.squeeze(1)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        (logits, target), smoothing = ctx.saved_tensors, ctx.smoothing
        grad, spread = grads[0].unsqueeze(1), smoothing / logits.shape[1]
        if torch.is_grad_enabled():  # the gradient itself is to be differentiated
            slope = (logits.softmax(1) - spread) * grad
            return slope.scatter_add(1, target, (smoothing - 1) * grad), None, None
        # The exponentials become the gradient, so a retained graph makes them anew.
        shares, ctx.shares = ctx.shares, None
        if shares is None:
            shares = (logits - logits.amax(1, keepdim=True)).exp_()
        slope = shares.mul_(grad / ctx.whole)
        if smoothing:
            slope.sub_(grad * spread)
        return slope.scatter_add_(1, target, (smoothing - 1) * grad), None, None

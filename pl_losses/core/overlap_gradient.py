"""Overlap sums of eager CPU tensors as one step with its own gradient.

The sums are linear in the probabilities, or in their squares, so that their gradient needs
nothing but the probabilities. These are kept once; the gradient is written into one tensor, in
place. Autograd would keep three tensors and write five.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pl_losses.core.eager import eager_on_cpu

BLOCK = 1 << 20
"""Numbers in the samples of which the gradient is made at one time."""

Formula = Callable[..., Tensor]


def by_hand(logits: Tensor, target: Tensor) -> bool:
    """Return whether the step made by hand serves."""
    return not target.requires_grad and eager_on_cpu(logits, target)


def sigmoid_overlap(
    plain: Formula, logits: Tensor, target: Tensor, weight: Tensor | None, *, squared: bool
) -> Tensor:
    """Return the sums of independent yes-or-no labels.

    Args:
        plain: The same from the same tensors, by a formula that autograd can differentiate twice.
        logits: Logits, shape ``(N, C, places)``.
        target: Label probabilities, same shape.
        weight: Weight of each place, ``(N, 1 or C, places)``, or ``None``.
        squared: Whether sizes sum squares.

    Returns:
        Intersection, size of the prediction, of the truth, and places, shape ``(N, C, 4)``.
    """
    sums: Tensor = _SigmoidOverlap.apply(plain, squared, logits, target, weight)  # type: ignore[no-untyped-call]  # torch's own
    return sums


def softmax_overlap(
    plain: Formula, logits: Tensor, target: Tensor, weight: Tensor | None, *, squared: bool
) -> Tensor:
    """Return the sums of one class of C at each place.

    Args:
        plain: The same from the same tensors, by a formula that autograd can differentiate twice.
        logits: Logits, shape ``(N, C, places)``.
        target: Class numbers, shape ``(N, places)``.
        weight: Weight of each place, ``(N, places)``, or ``None``.
        squared: Whether sizes sum squares.

    Returns:
        Intersection, size of the prediction, of the truth, and places, shape ``(N, C, 4)``.
    """
    sums: Tensor = _SoftmaxOverlap.apply(plain, squared, logits, target, weight)  # type: ignore[no-untyped-call]  # torch's own
    return sums


class _SigmoidOverlap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plain: Formula, squared: bool, *parts: Any) -> Tensor:  # noqa: FBT001 - torch's signature
        logits, target, weight = parts
        p = logits.sigmoid()
        ctx.plain, ctx.squared, ctx.p = plain, squared, p
        ctx.save_for_backward(*parts)
        sizes = [p * p, target * target] if squared else [p, target]
        if weight is None:
            both = (p * target).sum(-1)
            places = torch.full_like(both, p.shape[-1])
        else:
            both = (p * target).mul_(weight).sum(-1)
            sizes = [size * weight for size in sizes]
            places = weight.expand_as(p).sum(-1)
        return torch.stack([both, *(size.sum(-1) for size in sizes), places], -1)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        if torch.is_grad_enabled():
            return _plain_gradient(ctx, grads[0])
        (_, target, weight), p = ctx.saved_tensors, ctx.p
        both, size = grads[0][..., 0:1], grads[0][..., 1:2]
        slope = target * both
        slope = slope.addcmul_(p, size, value=2) if ctx.squared else slope.add_(size)
        if weight is not None:
            slope.mul_(weight)
        torch.ops.aten.sigmoid_backward.grad_input(slope, p, grad_input=slope)
        return None, None, slope, None, None


class _SoftmaxOverlap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plain: Formula, squared: bool, *parts: Any) -> Tensor:  # noqa: FBT001 - torch's signature
        logits, target, weight = parts
        target = target.unsqueeze(1)
        p, weight = _weighed_softmax(logits, weight)
        own = p.gather(1, target)
        ctx.plain, ctx.squared, ctx.p, ctx.own = plain, squared, p, own
        ctx.save_for_backward(*parts)
        ctx.inverse = weight.where(weight > 0, 1.0).reciprocal_()
        zeros = logits.new_zeros(logits.shape[:2])
        return torch.stack(
            [
                zeros.scatter_add(1, target.squeeze(1), own.squeeze(1)),
                ((p * p).mul_(ctx.inverse) if squared else p).sum(-1),
                zeros.scatter_add(1, target.squeeze(1), weight.squeeze(1)),
                weight.sum(-1).expand_as(zeros),
            ],
            -1,
        )

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        if torch.is_grad_enabled():
            return _plain_gradient(ctx, grads[0])
        logits, target, weight = ctx.saved_tensors
        target = target.unsqueeze(1)
        # The probabilities become the gradient, so a retained graph makes them anew.
        p, ctx.p = ctx.p, None
        if p is None:
            p, _ = _weighed_softmax(logits, weight)
        both, size = grads[0][..., 0:1], grads[0][..., 1:2]
        own = ctx.own * both.expand(-1, -1, target.shape[-1]).gather(1, target)
        # Softmax: the gradient of its output, less the mean of that gradient over the classes.
        step = max(BLOCK * len(p) // max(p.numel(), 1), 1)
        for part, rate, mine, inverse in zip(
            *(each.split(step) for each in (p, size, own, ctx.inverse)), strict=True
        ):
            slope = part * (2 * rate) * inverse if ctx.squared else rate
            mean = (part * slope).sum(1, keepdim=True).add_(mine).mul_(inverse)
            part.mul_(slope - mean)
        return None, None, p.scatter_add_(1, target, own), None, None


def _weighed_softmax(logits: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
    # The weight is put into the division that softmax needs anyway.
    p = (logits - logits.amax(1, keepdim=True)).exp_()
    whole = p.sum(1, keepdim=True)
    weight = torch.ones_like(whole) if weight is None else weight.unsqueeze(1)
    return p.mul_(weight / whole), weight


def _plain_gradient(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    # create_graph: the gradient itself is to be differentiated.
    logits, target, weight = ctx.saved_tensors
    sums = ctx.plain(logits, target, weight, squared=ctx.squared)
    slope = torch.autograd.grad(sums, logits, grad, create_graph=True)[0]
    return None, None, slope, None, None

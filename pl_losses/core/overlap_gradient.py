"""Overlap sums of eager CPU tensors as one step with its own gradient.

The sums are linear in the probabilities, or in their squares, so that their gradient needs
nothing but the probabilities. These are kept once; the gradient is written into one tensor, in
place. Autograd would keep three tensors and write five.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from pl_losses.core import chunks
from pl_losses.core.eager import eager_on_cpu

ENOUGH = 1 << 13
"""Logits from which on the step made by hand is faster than the plain formula."""

SHORT = 64
"""Places from which on a product of vectors is faster than a sum of products."""

Formula = Callable[..., Tensor]


def by_hand(logits: Tensor, target: Tensor) -> bool:
    """Return whether the step made by hand serves."""
    return logits.numel() >= ENOUGH and not target.requires_grad and eager_on_cpu(logits, target)


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
        p = torch.empty_like(logits)
        sums: Tensor = logits.new_zeros(*logits.shape[:2], 4)
        weight = None if weight is None else weight.expand_as(logits)
        for rows, (part, x, y, w) in _blocks(p, logits, target, weight):
            torch.sigmoid(x, out=part)
            truth = y if w is None else y * w
            if squared:
                sizes = [_dot(part, part if w is None else part * w), _dot(y, truth)]
            else:
                sizes = [part.sum(-1) if w is None else _dot(part, w), truth.sum(-1)]
            places = x.new_full(x.shape[:2], x.shape[-1]) if w is None else w.sum(-1)
            sums[rows] += torch.stack([_dot(part, truth), *sizes, places], -1)
        ctx.plain, ctx.squared, ctx.p = plain, squared, p
        ctx.save_for_backward(*parts)
        return sums

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        if torch.is_grad_enabled():
            return _plain_gradient(ctx, grads[0])
        logits, target, weight = ctx.saved_tensors
        # The probabilities become the gradient, so a retained graph makes them anew.
        p, ctx.p = ctx.p, None
        p = logits.sigmoid() if p is None else p
        weight = None if weight is None else weight.expand_as(p)
        for rows, (part, y, w) in _blocks(p, target, weight):
            both, size = grads[0][rows, :, 0:1], grads[0][rows, :, 1:2]
            slope = y * both
            slope = slope.addcmul_(part, size, value=2) if ctx.squared else slope.add_(size)
            slope = slope if w is None else slope.mul_(w)
            torch.ops.aten.sigmoid_backward.grad_input(slope, part, grad_input=part)
        return None, None, p, None, None


class _SoftmaxOverlap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plain: Formula, squared: bool, *parts: Any) -> Tensor:  # noqa: FBT001 - torch's signature
        logits, target, weight = parts
        # The probabilities themselves are never made: p = shares * inverse.
        shares, inverse = torch.empty_like(logits), torch.empty_like(logits[:, :1])
        own = torch.empty_like(inverse)
        sums: Tensor = logits.new_zeros(*logits.shape[:2], 4)
        weight = None if weight is None else weight.unsqueeze(1).expand_as(own)
        tensors = (shares, logits, target.unsqueeze(1), inverse, own, weight)
        for rows, (part, x, y, inv, mine, w) in _blocks(*tensors):
            total = sums[rows]
            torch.sub(x, x.amax(1, keepdim=True), out=part).exp_()
            torch.sum(part, 1, keepdim=True, out=inv).reciprocal_()
            mass = inv if w is None else inv * w
            torch.gather(part, 1, y, out=mine).mul_(mass)
            one = torch.ones_like(mine) if w is None else w
            size = (part * part, mass * inv) if squared else (part, mass)
            total[..., 0].scatter_add_(1, y[:, 0], mine[:, 0])
            total[..., 1] += torch.bmm(size[0], size[1].transpose(1, 2)).squeeze(2)
            total[..., 2].scatter_add_(1, y[:, 0], one[:, 0])
            total[..., 3] += one.sum(-1)
        ctx.plain, ctx.squared, ctx.kept = plain, squared, (shares, inverse, own)
        ctx.save_for_backward(*parts)
        return sums

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        if torch.is_grad_enabled():
            return _plain_gradient(ctx, grads[0])
        logits, target, weight = ctx.saved_tensors
        (shares, inverse, own), ctx.kept = ctx.kept, (None, *ctx.kept[1:])
        # The exponentials become the gradient, so a retained graph makes them anew.
        shares = (logits - logits.amax(1, keepdim=True)).exp_() if shares is None else shares
        weight = None if weight is None else weight.unsqueeze(1).expand_as(own)
        tensors = (shares, target.unsqueeze(1), inverse, own, weight)
        for rows, (part, y, inv, mine, w) in _blocks(*tensors):
            both, size = grads[0][rows, :, 0:1], grads[0][rows, :, 1:2]
            mass = inv if w is None else inv * w
            mine = mine * both.expand(-1, -1, y.shape[-1]).gather(1, y)
            # Softmax: the gradient of its output, less the mean of that gradient over the classes.
            if ctx.squared:
                slope = (part * (2 * size)).mul_(mass * inv)
                mean = (part * slope).sum(1, keepdim=True)
            else:
                slope = size * mass
                mean = torch.bmm(size.transpose(1, 2), part).mul_(mass)
            part.mul_(slope.sub_(mean.add_(mine).mul_(inv))).scatter_add_(1, y, mine)
        return None, None, shares, None, None


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """Return the sums of the products along the last axis, without a tensor of the products."""
    places = one.shape[-1]
    if places < SHORT:
        return (one * other).sum(-1)
    rows = torch.bmm(one.reshape(-1, 1, places), other.reshape(-1, places, 1))
    return rows.view(one.shape[:-1])


def _blocks(first: Tensor, *others: Tensor | None) -> Iterator[tuple[slice, tuple[Any, ...]]]:
    """Cut tensors into blocks, of so many numbers that one of the first stays in the cache.

    Yields:
        The samples of a block, and the block of each tensor.
    """
    for where in chunks.slices((first,)):
        blocks = (each if each is None else chunks.chunk(each, where) for each in others)
        yield where[0], (chunks.chunk(first, where), *blocks)


def _plain_gradient(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    # create_graph: the gradient itself is to be differentiated.
    logits, target, weight = ctx.saved_tensors
    sums = ctx.plain(logits, target, weight, squared=ctx.squared)
    slope = torch.autograd.grad(sums, logits, grad, create_graph=True)[0]
    return None, None, slope, None, None

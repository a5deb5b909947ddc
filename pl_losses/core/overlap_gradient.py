"""Overlap sums of eager CPU tensors as one step with its own gradient.

The sums are linear in the probabilities, or in their squares, so that their gradient needs
nothing but the probabilities. These are kept once; the gradient is written into one tensor, in
place. Autograd would keep three tensors and write five.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from pl_losses.core.eager import eager_on_cpu

BLOCK = 1 << 18
"""Numbers in the samples of which the gradient is made at one time."""

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
        p = logits.sigmoid()
        ctx.plain, ctx.squared, ctx.p = plain, squared, p
        ctx.save_for_backward(*parts)
        truth = target if weight is None else target * weight
        if squared:
            sizes = [_dot(p, p if weight is None else p * weight), _dot(target, truth)]
        else:
            sizes = [p.sum(-1) if weight is None else _dot(p, weight.expand_as(p)), truth.sum(-1)]
        both = _dot(p, truth)
        places = both.new_tensor(p.shape[-1]) if weight is None else weight.sum(-1)
        return torch.stack([both, *sizes, places.expand_as(both)], -1)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        if torch.is_grad_enabled():
            return _plain_gradient(ctx, grads[0])
        logits, target, weight = ctx.saved_tensors
        # The probabilities become the gradient, so a retained graph makes them anew.
        p, ctx.p = ctx.p, None
        p = logits.sigmoid() if p is None else p
        weight = target.new_ones(1).expand_as(p) if weight is None else weight.expand_as(p)
        both, size = grads[0][..., 0:1], grads[0][..., 1:2]
        room: Tensor | None = None
        for part, truth, w, rate, common in _by_samples(p, target, weight, both, size):
            room = torch.empty_like(part) if room is None else room
            slope = torch.mul(truth, rate, out=room[: len(part)])
            slope = slope.addcmul_(part, common, value=2) if ctx.squared else slope.add_(common)
            slope = slope if ctx.saved_tensors[2] is None else slope.mul_(w)
            torch.ops.aten.sigmoid_backward.grad_input(slope, part, grad_input=part)
        return None, None, p, None, None


class _SoftmaxOverlap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plain: Formula, squared: bool, *parts: Any) -> Tensor:  # noqa: FBT001 - torch's signature
        logits, target, weight = parts
        rows, classes, places = logits.shape
        shares, inverse = _shares(logits)
        # The probabilities themselves are never made: p = shares * inverse.
        mass = inverse if weight is None else inverse * weight.unsqueeze(1)
        own = shares.gather(1, target.unsqueeze(1)).mul_(mass)
        ctx.plain, ctx.squared, ctx.kept = plain, squared, (shares, inverse, mass, own)
        ctx.save_for_backward(*parts)
        size = (shares * shares, inverse * mass) if squared else (shares, mass)
        zeros = logits.new_zeros(rows, classes)
        one = torch.ones_like(own[:, 0]) if weight is None else weight.expand(rows, places)
        return torch.stack(
            [
                zeros.scatter_add(1, target, own.squeeze(1)),
                torch.bmm(size[0], size[1].transpose(1, 2)).squeeze(2),
                zeros.scatter_add(1, target, one),
                one.sum(-1, keepdim=True).expand_as(zeros),
            ],
            -1,
        )

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        if torch.is_grad_enabled():
            return _plain_gradient(ctx, grads[0])
        logits, target, _ = ctx.saved_tensors
        target = target.unsqueeze(1)
        (shares, inverse, mass, own), ctx.kept = ctx.kept, (None, *ctx.kept[1:])
        # The exponentials become the gradient, so a retained graph makes them anew.
        shares = _shares(logits)[0] if shares is None else shares
        both, size = grads[0][..., 0:1], grads[0][..., 1:2]
        own = own * both.expand(-1, -1, own.shape[-1]).gather(1, target)
        for part, rate, mine, inv, w in _by_samples(shares, size, own, inverse, mass):
            # Softmax: the gradient of its output, less the mean of that gradient over the classes.
            if ctx.squared:
                slope = (part * (2 * rate)).mul_(w * inv)
                mean = (part * slope).sum(1, keepdim=True)
            else:
                slope = rate * w
                mean = torch.bmm(rate.transpose(1, 2), part).mul_(w)
            part.mul_(slope.sub_(mean.add_(mine).mul_(inv)))
        return None, None, shares.scatter_add_(1, target, own), None, None


def _shares(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return exponentials over the classes, and what makes probabilities of them."""
    shares = (logits - logits.amax(1, keepdim=True)).exp_()
    return shares, shares.sum(1, keepdim=True).reciprocal_()


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """Return the sums of the products along the last axis, without a tensor of the products."""
    places = one.shape[-1]
    if places < SHORT:
        return (one * other).sum(-1)
    rows = torch.bmm(one.reshape(-1, 1, places), other.reshape(-1, places, 1))
    return rows.view(one.shape[:-1])


def _by_samples(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cut tensors into runs of samples, of so many numbers that the first stays in the cache."""
    first = tensors[0]
    step = max(BLOCK * len(first) // max(first.numel(), 1), 1)
    return zip(*(torch.split(each, step) for each in tensors), strict=True)


def _plain_gradient(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    # create_graph: the gradient itself is to be differentiated.
    logits, target, weight = ctx.saved_tensors
    sums = ctx.plain(logits, target, weight, squared=ctx.squared)
    slope = torch.autograd.grad(sums, logits, grad, create_graph=True)[0]
    return None, None, slope, None, None

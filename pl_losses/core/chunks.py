"""Walk a formula over a large tensor in chunks, and make its gradient on the way.

An eager formula of ten operations writes ten tensors of the size of its input, most of which
autograd keeps. Here the formula runs on one chunk at a time, whose intermediates stay in the
cache and are gone before the next chunk: memory is the gradient plus one chunk. Nothing in this
file knows a formula, and no gradient is derived by hand.

Chunks serve large CPU tensors in eager mode. A compiler fuses the plain formula by itself, many
small launches would slow an accelerator down, and function transforms need to see every
operation; there, and for small tensors, the formula runs on the whole tensor at once.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from pl_losses.core.eager import eager_on_cpu
from pl_losses.core.precision import upcast

CHUNK = 1 << 18
"""Elements of the prediction in one chunk: large enough to hide Python, small enough to cache."""

Part = Tensor | None
Total = Callable[..., tuple[Tensor, Part]]
Sums = Callable[..., Tensor]
Slices = tuple[slice, slice]
EVERY = slice(None)


def total(formula: Total, parts: tuple[Part, ...]) -> tuple[Tensor, Part]:
    """Sum what a formula says of each element, times the weight of the element.

    Args:
        formula: From the parts to values and their weights (``None``: one each).
        parts: The prediction, then whatever else the formula takes. The first axis of each part
            counts samples and, from the second axis on, the last one counts places; an axis of
            size one is broadcast. Only the prediction is differentiated,
            and only the values.

    Returns:
        The sum of the weighed values and the sum of the weights (``None``: the number of values).
    """
    if walks(parts):
        pred = parts[0] if torch.is_grad_enabled() else _first(parts).detach()
        value, mass = _Total.apply(formula, pred, *parts[1:])  # type: ignore[no-untyped-call]  # torch's own
        return value, mass
    values, weight = formula(upcast(_first(parts)), *parts[1:])
    return _weighed(values, weight), None if weight is None else weight.expand_as(values).sum()


def sums(formula: Sums, parts: tuple[Part, ...], *, whole: bool = False) -> Tensor:
    """Sum, for each sample, the quantities that a formula sums over the places of a chunk.

    Args:
        formula: From the parts to sums over their last axis, shape ``(samples, ...)``.
        parts: As for :func:`total`, each with an axis of places.
        whole: Whether the formula looks at neighbours, so that no sample may be cut.

    Returns:
        The sums over all places, shape ``(N, ...)``.
    """
    # One sample that may not be cut is one chunk: to make it twice would save nothing.
    if walks(parts) and not (whole and _first(parts).shape[0] == 1):
        result: Tensor = _Sums.apply(formula, whole, *parts)  # type: ignore[no-untyped-call]  # torch's own
        return result
    return formula(upcast(_first(parts)), *parts[1:])


def _first(parts: tuple[Part, ...]) -> Tensor:
    if parts[0] is None:
        raise TypeError("The first part is the prediction and must be a tensor.")
    return parts[0]


def walks(parts: tuple[Part, ...]) -> bool:
    """Return whether large tensors are walked over here, or the whole is best done at once."""
    pred = _first(parts)
    if pred.numel() <= CHUNK or not eager_on_cpu(pred):
        return False
    return not any(part is not None and part.requires_grad for part in parts[1:])


def _weighed(values: Tensor, weight: Part) -> Tensor:
    return values.sum() if weight is None else (values * weight).sum()


def slices(parts: tuple[Part, ...], *, whole: bool = False) -> Iterator[Slices]:
    """Cut a batch into runs of samples, or of places of one sample, for :func:`chunk`."""
    pred, target = _first(parts), next(iter(parts[1:]), None)
    samples, places = pred.shape[0], pred.shape[-1]
    width = pred.numel() // max(samples * places, 1)
    if target is not None and target.ndim < pred.ndim:
        # A class number at each place: most of what a formula makes has no axis of classes.
        width = (width + 3) // 4
    size = max(places * width, 1)
    if size <= CHUNK or pred.ndim == 1 or whole:
        rows = max(CHUNK // size, 1)
        for row in range(0, samples, rows):
            yield slice(row, row + rows), EVERY
        return
    step = max(CHUNK // width, 1)
    for row in range(samples):
        for place in range(0, places, step):
            yield slice(row, row + 1), slice(place, place + step)


def _cut(part: Part, where: Slices) -> Part:
    if part is None:
        return None
    rows, places = where
    one_row, one_place = part.shape[0] == 1, part.ndim == 1 or part.shape[-1] == 1
    if one_place or places == EVERY:
        return part if one_row else part[rows]
    return part[..., places] if one_row else part[rows, ..., places]


def chunk(tensor: Tensor, where: Slices) -> Tensor:
    """Return the chunk of a tensor that has an entry for each sample and place."""
    return tensor[where[0]] if where[1] == EVERY else tensor[where[0], ..., where[1]]


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, formula: Total, *parts: Part) -> tuple[Tensor, Part]:
        wants = ctx.needs_input_grad[1]
        value, mass, gradient = _walk(formula, parts, slope=wants)
        ctx.formula, ctx.gradient = formula, gradient
        if wants:
            ctx.save_for_backward(*parts)
        if mass is not None:
            ctx.mark_non_differentiable(mass)
        return value, mass

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        parts = ctx.saved_tensors
        others = (None,) * (len(parts) - 1)
        if torch.is_grad_enabled():  # create_graph: the gradient itself is to be differentiated
            value = _weighed(*ctx.formula(upcast(parts[0]), *parts[1:]))
            slope = torch.autograd.grad(value, parts[0], grads[0], create_graph=True)[0]
            return (None, slope, *others)
        # The gradient is handed out, not copied, so a retained graph makes it anew.
        gradient, ctx.gradient = ctx.gradient, None
        if gradient is None:
            gradient = _walk(ctx.formula, parts, slope=True)[2]
        return (None, gradient.mul_(grads[0]).to(parts[0].dtype), *others)


def _walk(
    formula: Total, parts: tuple[Part, ...], *, slope: bool
) -> tuple[Tensor, Part, Tensor | None]:
    pred = _first(parts).detach()
    gradient = torch.empty_like(pred, dtype=upcast(pred[:0]).dtype) if slope else None
    one = upcast(pred.new_ones(()))
    value, mass, ones = torch.zeros_like(one), None, 0
    with torch.set_grad_enabled(slope):
        for where in slices(parts):
            leaf = upcast(chunk(pred, where)).requires_grad_(slope)
            values, weight = formula(leaf, *[_cut(part, where) for part in parts[1:]])
            if gradient is not None:
                # The slope of a weighed sum is its weight: neither needs to be in the graph.
                rate = (one if weight is None else weight).expand_as(values)
                chunk(gradient, where).copy_(torch.autograd.grad(values, leaf, rate)[0])
            value += _weighed(values.detach(), weight)
            if weight is None:
                ones += values.numel()
            else:
                part_mass = weight.expand_as(values).sum()
                mass = part_mass if mass is None else mass + part_mass
    return value, mass if mass is None else mass + ones, gradient


class _Sums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, formula: Sums, whole: bool, *parts: Part) -> Tensor:  # noqa: FBT001 - apply takes no keywords
        pred = _first(parts).detach()
        pieces: dict[int, Tensor] = {}
        with torch.no_grad():
            for where in slices(parts, whole=whole):
                leaf = upcast(chunk(pred, where))
                piece = formula(leaf, *[_cut(part, where) for part in parts[1:]])
                key = where[0].start
                pieces[key] = pieces[key] + piece if key in pieces else piece
        ctx.formula, ctx.whole = formula, whole
        ctx.save_for_backward(*parts)
        return torch.cat(list(pieces.values()))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        pred, *rest = ctx.saved_tensors
        if torch.is_grad_enabled():
            result = ctx.formula(upcast(pred), *rest)
            slope = torch.autograd.grad(result, pred, grads[0], create_graph=True)[0]
            return (None, None, slope, *(None for _ in rest))
        slope = torch.empty_like(pred)
        for where in slices((pred, *rest), whole=ctx.whole):
            leaf = upcast(chunk(pred.detach(), where)).requires_grad_()
            with torch.enable_grad():
                piece = ctx.formula(leaf, *[_cut(part, where) for part in rest])
            gradient = torch.autograd.grad(piece, leaf, grads[0][where[0]])[0]
            chunk(slope, where).copy_(gradient)
        return (None, None, slope, *(None for _ in rest))

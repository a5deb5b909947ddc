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

from pl_losses.core.precision import upcast

CHUNK = 1 << 17
"""Elements of the prediction in one chunk: large enough to hide Python, small enough to cache."""

Part = Tensor | None
Total = Callable[..., tuple[Tensor, Part]]
Sums = Callable[..., Tensor]
Slices = tuple[slice, slice]


def total(formula: Total, parts: tuple[Part, ...]) -> tuple[Tensor, Part]:
    """Sum what a formula says of each element.

    Args:
        formula: From the parts to weighed values and their masses (``None``: one each).
        parts: The prediction, then whatever else the formula takes. The first axis of each part
            counts samples and, from the second axis on, the last one counts places; an axis of
            size one is broadcast. Only the prediction is differentiated.

    Returns:
        The sum of the weighed values and the sum of the masses (``None``: the number of values).
    """
    if _walks(parts):
        value, mass = _Total.apply(formula, *parts)  # type: ignore[no-untyped-call]  # torch's own
        return value, mass
    values, mass = formula(upcast(_first(parts)), *parts[1:])
    return values.sum(), None if mass is None else mass.expand_as(values).sum()


def sums(formula: Sums, parts: tuple[Part, ...]) -> Tensor:
    """Sum, for each sample, the quantities that a formula sums over the places of a chunk.

    Args:
        formula: From the parts to sums over their last axis, shape ``(samples, ...)``.
        parts: As for :func:`total`, each with an axis of places.

    Returns:
        The sums over all places, shape ``(N, ...)``.
    """
    if _walks(parts):
        result: Tensor = _Sums.apply(formula, *parts)  # type: ignore[no-untyped-call]  # torch's own
        return result
    return formula(upcast(_first(parts)), *parts[1:])


def _first(parts: tuple[Part, ...]) -> Tensor:
    if parts[0] is None:
        raise TypeError("The first part is the prediction and must be a tensor.")
    return parts[0]


def _walks(parts: tuple[Part, ...]) -> bool:
    pred = _first(parts)
    if torch.compiler.is_compiling() or pred.device.type != "cpu" or pred.numel() <= CHUNK:
        return False
    if torch._C._are_functorch_transforms_active():  # no public form: vmap, grad, jvp
        return False
    return not any(part is not None and part.requires_grad for part in parts[1:])


def _slices(pred: Tensor) -> Iterator[Slices]:
    samples, places = pred.shape[0], pred.shape[-1]
    size = max(pred.numel() // samples, 1)
    if size <= CHUNK or pred.ndim == 1:
        rows = max(CHUNK // size, 1)
        for row in range(0, samples, rows):
            yield slice(row, row + rows), slice(None)
        return
    step = max(CHUNK // (size // places), 1)
    for row in range(samples):
        for place in range(0, places, step):
            yield slice(row, row + 1), slice(place, place + step)


def _cut(part: Part, where: Slices) -> Part:
    if part is None:
        return None
    rows, places = where
    if part.shape[0] > 1:
        part = part[rows]
    if part.ndim > 1 and part.shape[-1] > 1 and places != slice(None):
        part = part[..., places]
    return part


def _write(into: Tensor, where: Slices, gradient: Tensor) -> None:
    rows, places = where
    (into[rows] if into.ndim == 1 else into[rows][..., places]).copy_(gradient)


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, formula: Total, *parts: Part) -> tuple[Tensor, Part]:
        pred = _first(parts).detach()
        wants = ctx.needs_input_grad[1]
        gradient = torch.empty_like(pred, dtype=upcast(pred[:0]).dtype) if wants else None
        value, weighed = upcast(pred.new_zeros(())), None
        for where in _slices(pred):
            chunk, *rest = (_cut(part, where) for part in (pred, *parts[1:]))
            leaf = upcast(_first((chunk,))).detach().requires_grad_(wants)
            with torch.set_grad_enabled(wants):
                values, mass = formula(leaf, *rest)
                chunk_value = values.sum()
            if gradient is not None:
                _write(gradient, where, torch.autograd.grad(chunk_value, leaf)[0])
            value = value + chunk_value.detach()
            if mass is not None:
                mass = mass.detach().expand_as(values).sum()
                weighed = mass if weighed is None else weighed + mass
        ctx.formula = formula
        ctx.save_for_backward(gradient, *parts)
        if weighed is not None:
            ctx.mark_non_differentiable(weighed)
        return value, weighed

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        gradient, pred, *rest = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph: the gradient itself is to be differentiated
            values, _ = ctx.formula(upcast(pred), *rest)
            slope = torch.autograd.grad(values.sum(), pred, grads[0], create_graph=True)[0]
        else:
            slope = (gradient * grads[0]).to(pred.dtype)
        return (None, slope, *(None for _ in rest))


class _Sums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, formula: Sums, *parts: Part) -> Tensor:
        pred = _first(parts).detach()
        pieces: dict[int, Tensor] = {}
        with torch.no_grad():
            for where in _slices(pred):
                chunk, *rest = (_cut(part, where) for part in (pred, *parts[1:]))
                piece = formula(upcast(_first((chunk,))), *rest)
                key = where[0].start
                pieces[key] = pieces[key] + piece if key in pieces else piece
        ctx.formula = formula
        ctx.save_for_backward(*parts)
        return torch.cat(list(pieces.values()))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        pred, *rest = ctx.saved_tensors
        if torch.is_grad_enabled():
            result = ctx.formula(upcast(pred), *rest)
            slope = torch.autograd.grad(result, pred, grads[0], create_graph=True)[0]
            return (None, slope, *(None for _ in rest))
        slope = torch.empty_like(pred)
        for where in _slices(pred):
            chunk, *others = (_cut(part, where) for part in (pred.detach(), *rest))
            leaf = upcast(_first((chunk,))).detach().requires_grad_()
            with torch.enable_grad():
                piece = ctx.formula(leaf, *others)
            _write(slope, where, torch.autograd.grad(piece, leaf, grads[0][where[0]])[0])
        return (None, slope, *(None for _ in rest))

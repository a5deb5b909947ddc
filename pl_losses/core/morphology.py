"""Soft morphology: what erosion, opening and skeletons are to masks, for numbers from 0 to 1.

Images are ``(B, *)`` with any number of spatial axes. Neighbours outside the image do not count.
Windows are made of shifted views, not of pooling, whose indices would take twice the memory of
the image; for the way back, one byte a choice is kept.
"""

from functools import reduce
from typing import Any

import torch
from torch import Tensor


def erode(image: Tensor) -> Tensor:
    """Return the least of each place and its direct neighbours (a cross).

    Example:
        >>> erode(torch.tensor([[1.0, 1.0, 1.0, 0.0]]))
        tensor([[1., 1., 0., 0.]])
    """
    axes = range(1, image.ndim)
    return reduce(_lesser, [_of_three(image, axis, least=True) for axis in axes])


def dilate(image: Tensor) -> Tensor:
    """Return the greatest of each place and all its neighbours, diagonal ones too (a square)."""
    for axis in range(1, image.ndim):
        image = _of_three(image, axis, least=False)
    return image


def soft_skeleton(image: Tensor, iterations: int) -> Tensor:
    r"""Return the soft skeleton: what openings of an ever more eroded image take away.

    With the ridges :math:`r_k = \max(0, e_k - \mathrm{open}(e_k))` of the image after k erosions it
    is :math:`1 - \prod_k (1 - r_k)`, which is the paper's running sum.

    Args:
        image: Numbers from 0 to 1, shape ``(B, *)``.
        iterations: Number of erosions; at least the radius of the thickest structure, in places.

    Returns:
        Numbers from 0 to 1, in the shape of ``image``.

    References:
        Shit et al., `clDice <https://arxiv.org/abs/2003.07311>`_, CVPR 2021, and its authors' code.
    """
    rest = torch.ones_like(image)
    for _ in range(iterations + 1):
        eroded = erode(image)
        rest = rest * (1 - (image - dilate(eroded)).relu())
        image = eroded
    return 1 - rest


def contour(mask: Tensor) -> Tensor:
    """Return the places of a mask that have a direct neighbour outside of it, as a mask.

    Example:
        >>> contour(torch.tensor([[False, True, True, True, False]]))
        tensor([[False,  True, False,  True, False]])
    """
    return mask & (erode(mask.to(torch.float32)) == 0)


def cross_mean(image: Tensor) -> Tensor:
    """Return the mean over each place and its direct neighbours; outside the image there are 0s.

    Example:
        >>> cross_mean(torch.tensor([[3.0, 3.0, 0.0]]))
        tensor([[2., 2., 1.]])
    """
    total = image
    for axis in range(1, image.ndim):
        size = image.shape[axis]
        edge = torch.zeros_like(image.narrow(axis, 0, 1))
        total = total + torch.cat([edge, image.narrow(axis, 0, size - 1)], axis)
        total = total + torch.cat([image.narrow(axis, 1, size - 1), edge], axis)
    return total / (2 * image.ndim - 1)


def _lesser(one: Tensor, other: Tensor) -> Tensor:
    if _seen_through():
        return torch.minimum(one, other)
    result: Tensor = _Lesser.apply(one, other)  # type: ignore[no-untyped-call]  # torch's own
    return result


class _Lesser(torch.autograd.Function):
    """The lesser of two, which remembers who it was and not what there was."""

    @staticmethod
    def forward(ctx: Any, one: Tensor, other: Tensor) -> Tensor:
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(one <= other)
        return torch.minimum(one, other)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        first = grads[0] * ctx.saved_tensors[0]
        return first, grads[0] - first


def _seen_through() -> bool:
    """Return whether a compiler or a function transform needs to see every operation."""
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()


def _of_three(image: Tensor, axis: int, *, least: bool) -> Tensor:
    if image.shape[axis] == 1:
        return image
    if _seen_through():
        return _three(image, axis, least=least)[0]
    result: Tensor = _OfThree.apply(image, axis, least)  # type: ignore[no-untyped-call]  # torch's own
    return result


def _three(image: Tensor, axis: int, *, least: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return the window's pick, and the two tensors between whose neighbours was chosen."""
    pick = torch.minimum if least else torch.maximum
    pairs = pick(*_neighbours(image, axis))
    middle = pick(*_neighbours(pairs, axis))
    first, last = pairs.narrow(axis, 0, 1), pairs.narrow(axis, pairs.shape[axis] - 1, 1)
    return torch.cat([first, middle, last], axis), image, pairs


class _OfThree(torch.autograd.Function):
    """The least or greatest of three, which remembers who was chosen and not what there was."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, axis: int, least: bool) -> Tensor:  # noqa: FBT001 - apply takes no keywords
        chosen, *choices = _three(image, axis, least=least)
        ctx.axis = axis
        if ctx.needs_input_grad[0]:
            compare = torch.le if least else torch.ge
            ctx.save_for_backward(*(compare(*_neighbours(each, axis)) for each in choices))
        return chosen

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        axis, (lower, upper) = ctx.axis, ctx.saved_tensors
        size = lower.shape[axis] + 1
        to_pairs = _give(grads[0].narrow(axis, 1, size - 2), upper, axis)
        to_pairs.narrow(axis, 0, 1).add_(grads[0].narrow(axis, 0, 1))
        to_pairs.narrow(axis, size - 2, 1).add_(grads[0].narrow(axis, size - 1, 1))
        return _give(to_pairs, lower, axis), None, None


def _neighbours(tensor: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    size = tensor.shape[axis] - 1
    return tensor.narrow(axis, 0, size), tensor.narrow(axis, 1, size)


def _give(gradient: Tensor, to_first: Tensor, axis: int) -> Tensor:
    """Return the gradient of what was chosen from, one longer: each goes to one of two."""
    size = to_first.shape[axis]
    shape = list(to_first.shape)
    shape[axis] = size + 1
    given = gradient.new_zeros(shape)
    first = gradient * to_first
    given.narrow(axis, 0, size).add_(first)
    given.narrow(axis, 1, size).add_(gradient - first)
    return given

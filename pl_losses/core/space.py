"""The spatial axes of what is laid out as places in a row."""

from torch import Tensor

from pl_losses.core.elements import Elements
from pl_losses.core.labels import Kind


def space_of(elements: Elements, kind: Kind) -> tuple[int, ...]:
    """Return the sizes of the spatial axes; one of size 1 if there is none.

    Binary predictions are ``(N, 1, *)`` or ``(N, *)``: an axis 1 of size one is a channel, any
    other the first spatial axis.

    Example:
        >>> import torch
        >>> from pl_losses.core.elements import pair
        >>> space_of(pair(torch.zeros(8, 1, 32, 24), torch.zeros(8, 32, 24)), "binary")
        (32, 24)
    """
    shape = elements.shape
    if kind == "multiclass":
        space = shape[1:]
    else:
        channel = kind == "multilabel" or (len(shape) > 1 and shape[1] == 1)
        space = shape[2:] if channel else shape[1:]
    return space or (1,)


def with_places(elements: Elements, kind: Kind) -> Elements:
    """Return the elements with an axis of places, which class scores ``(N, C)`` do not have."""
    if kind != "multiclass" or elements.pred.ndim > 2:
        return elements
    weight = None if elements.weight is None else elements.weight.unsqueeze(-1)
    target = elements.target.unsqueeze(-1)
    return Elements(elements.pred.unsqueeze(-1), target, weight, elements.shape)


def unfold(flat: Tensor, space: tuple[int, ...]) -> Tensor:
    """Return ``(N, C, places)`` as one image for each sample and class, ``(N * C, *space)``."""
    return flat.reshape(flat.shape[0] * flat.shape[1], *space)


def fold(images: Tensor, elements: Elements) -> Tensor:
    """Return images ``(N * C, *space)`` as ``(N, C, places)``: what :func:`unfold` undoes."""
    shape = elements.pred.shape
    return images.reshape(shape if len(shape) == 3 else (shape[0], 1, shape[1]))

"""Argument checks, all with one form of message: what must hold, then what was found."""

import math
from collections.abc import Sequence
from typing import TypeVar

from torch import Tensor

T = TypeVar("T")


def check_choice(name: str, value: T, choices: Sequence[T]) -> T:
    """Return ``value`` if it is one of ``choices``.

    Example:
        >>> check_choice("reduction", "avg", ("mean", "sum"))
        Traceback (most recent call last):
        ValueError: `reduction` must be one of 'mean', 'sum'; got 'avg'.
    """
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, choices))}; got {value!r}.")
    return value


def check_number(name: str, value: float) -> float:
    """Return ``value`` if it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"`{name}` must be a finite number; got {value!r}.")
    return value


def check_at_least(name: str, value: float, low: float) -> float:
    """Return ``value`` if it is a number not below ``low``."""
    if not check_number(name, value) >= low:
        raise ValueError(f"`{name}` must be at least {low}; got {value}.")
    return value


def check_above(name: str, value: float, low: float) -> float:
    """Return ``value`` if it is a number above ``low``."""
    if not check_number(name, value) > low:
        raise ValueError(f"`{name}` must be above {low}; got {value}.")
    return value


def check_between(name: str, value: float, low: float, high: float) -> float:
    """Return ``value`` if it is a number from ``low`` to ``high``, both included."""
    if not low <= check_number(name, value) <= high:
        raise ValueError(f"`{name}` must be from {low} to {high}; got {value}.")
    return value


def check_shape(name: str, tensor: Tensor, shape: Sequence[int]) -> Tensor:
    """Return ``tensor`` if it has the given shape."""
    if tensor.shape != tuple(shape):
        raise ValueError(
            f"`{name}` must have shape {tuple(shape)}; got shape {tuple(tensor.shape)}."
        )
    return tensor


def check_floating(name: str, tensor: Tensor) -> Tensor:
    """Return ``tensor`` if its dtype is a floating one."""
    if not tensor.is_floating_point():
        raise ValueError(f"`{name}` must have a floating dtype; got {tensor.dtype}.")
    return tensor


def check_class_count(name: str, count: int, pred: Tensor) -> None:
    """Check that an option has one entry for each class of a prediction ``(N, C, *)``."""
    if count != pred.shape[1]:
        raise ValueError(
            f"`{name}` must have one entry for each of the {pred.shape[1]} classes; got {count}."
        )

"""Which part of an axis to show."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """The part of an axis that is shown, and whether values lie outside."""

    low: float
    high: float
    cut: bool


def shown_range(lines: Sequence[Sequence[float]], *, tail: float = 0.03) -> Range:
    """Return the part of the axis on which lines can be read.

    It is all of it, unless the outermost values, a share of ``tail`` at each end, would take more
    than two thirds of the room.

    Example:
        >>> shown_range([[0.0, 1.0]])
        Range(low=-0.05, high=1.05, cut=False)
    """
    values = sorted(value for line in lines for value in line if math.isfinite(value))
    if not values:
        return Range(0.0, 1.0, cut=False)
    skipped = int(tail * len(values))
    low, high = values[skipped], values[-1 - skipped]
    cut = values[-1] - values[0] > 3 * (high - low) > 0
    if not cut:
        low, high = values[0], values[-1]
    margin = 0.05 * (high - low) or 0.5
    return Range(low - margin, high + margin, cut)

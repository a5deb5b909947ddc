"""Pairs of boxes and what their losses measure, finite for boxes of any shape."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pl_losses.core.ratios import ratio

BoxFormat = Literal["xyxy", "cxcywh"]


@dataclass(frozen=True)
class BoxPair:
    """What box losses see of predicted and true boxes.

    Lengths have shape ``(2, N)``: first along x, then along y, so that one operation on contiguous
    memory serves both axes. Areas have shape ``(N,)``. A box whose right side lies left of its
    left one is inverted; it covers nothing.

    Attributes:
        pred_size: Width and height of the prediction, at least 0.
        target_size: Width and height of the truth, at least 0.
        shift: How far the predicted left, top, right and bottom sides lie right of or below the
            true ones, shape ``(4, N)``.
        extent: Width and height of the smallest box around both.
        both: Area of the intersection.
        union: Area that one or the other covers.
    """

    pred_size: Tensor
    target_size: Tensor
    shift: Tensor
    extent: Tensor
    both: Tensor
    union: Tensor

    @classmethod
    def of(cls, pred: Tensor, target: Tensor, box_format: BoxFormat) -> "BoxPair":
        """Read boxes ``(N, 4)`` in pixels, or any other unit of length."""
        shift, pred_size, target_size = _compare(
            _sides(pred, box_format), _sides(target, box_format)
        )
        # min(a, b) = (a + b - |a - b|) / 2: with it the sides of the intersection and of the box
        # around both are half the difference and half the sum of the same two lengths.
        sizes, gaps = pred_size + target_size, _sum(shift.abs())
        # relu and clamp_min(0) are the same, but the slope of relu is one operation, not three.
        pred_size, target_size = pred_size.relu(), target_size.relu()
        both = product((sizes - gaps).relu()) / 4
        return cls(
            pred_size=pred_size,
            target_size=target_size,
            shift=shift,
            extent=(sizes + gaps) / 2,
            both=both,
            union=product(pred_size) + product(target_size) - both,
        )

    @property
    def iou(self) -> Tensor:
        """Intersection over union, 0 to 1; 0 where neither box has an area."""
        return ratio(self.both, self.union)

    @property
    def offset(self) -> Tensor:
        """How far the predicted centre lies right of and below the true one."""
        return _sum(self.shift) / 2

    @property
    def growth(self) -> Tensor:
        """By how much the prediction is wider and higher than the truth."""
        return _difference(self.shift)


def product(lengths: Tensor) -> Tensor:
    """Return the product of lengths ``(2, N)`` over the axes."""
    along_x, along_y = lengths.unbind(0)
    return along_x * along_y


def squared_norm(lengths: Tensor) -> Tensor:
    """Return the sum of squares of lengths ``(2, N)`` over the axes."""
    along_x, along_y = lengths.unbind(0)
    return along_x * along_x + along_y * along_y


def _sides(boxes: Tensor, box_format: BoxFormat) -> Tensor:
    """Return left, top, right and bottom, shape ``(4, N)``."""
    # Columns become rows once: an operation on strided columns costs up to six times as much.
    rows = boxes.mT.contiguous()
    if box_format == "xyxy":
        return rows
    centre, size = rows.chunk(2)
    return torch.cat([centre - size / 2, centre + size / 2])


def _compare(pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return by how much the sides differ, and the sizes, which are negative if inverted."""
    return pred - target, _difference(pred), _difference(target)


def _difference(sides: Tensor) -> Tensor:
    low, high = sides.chunk(2)
    return high - low


def _sum(sides: Tensor) -> Tensor:
    low, high = sides.chunk(2)
    return low + high

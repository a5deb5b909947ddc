"""Pairs of boxes and what their losses measure, finite for boxes of any shape."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

BoxFormat = Literal["xyxy", "cxcywh"]


@dataclass(frozen=True)
class BoxPair:
    """Predicted and true boxes, corner by corner; each field has shape ``(N,)``.

    A predicted corner on the wrong side makes a side negative; sizes count it as zero, so an
    inverted box covers nothing. ``extent`` is the smallest box around both.
    """

    pred: tuple[Tensor, Tensor, Tensor, Tensor]
    target: tuple[Tensor, Tensor, Tensor, Tensor]

    @classmethod
    def of(cls, pred: Tensor, target: Tensor, box_format: BoxFormat) -> "BoxPair":
        """Read boxes ``(N, 4)`` in pixels, or any other unit of length."""
        return cls(_corners(pred, box_format), _corners(target, box_format))

    @property
    def pred_size(self) -> tuple[Tensor, Tensor]:
        """Width and height of the prediction."""
        return _size(self.pred)

    @property
    def target_size(self) -> tuple[Tensor, Tensor]:
        """Width and height of the truth."""
        return _size(self.target)

    @property
    def extent(self) -> tuple[Tensor, Tensor]:
        """Width and height of the smallest box around both."""
        (ax, ay, bx, by), (cx, cy, dx, dy) = self.pred, self.target
        low_x, low_y = torch.minimum(ax, cx), torch.minimum(ay, cy)
        high_x, high_y = torch.maximum(bx, dx), torch.maximum(by, dy)
        return (high_x - low_x).clamp_min(0), (high_y - low_y).clamp_min(0)

    @property
    def both(self) -> Tensor:
        """Area of the intersection."""
        (ax, ay, bx, by), (cx, cy, dx, dy) = self.pred, self.target
        width = (torch.minimum(bx, dx) - torch.maximum(ax, cx)).clamp_min(0)
        height = (torch.minimum(by, dy) - torch.maximum(ay, cy)).clamp_min(0)
        return width * height

    @property
    def union(self) -> Tensor:
        """Area that one or the other covers."""
        (w, h), (v, g) = self.pred_size, self.target_size
        return w * h + v * g - self.both

    @property
    def offset(self) -> tuple[Tensor, Tensor]:
        """How far the predicted centre lies right of and below the true one."""
        (ax, ay, bx, by), (cx, cy, dx, dy) = self.pred, self.target
        return (ax + bx - cx - dx) / 2, (ay + by - cy - dy) / 2


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """Return ``part / whole``, and 0, with no slope, where there is no whole.

    Example:
        >>> ratio(torch.tensor([1.0, 0.0]), torch.tensor([4.0, 0.0]))
        tensor([0.2500, 0.0000])
    """
    there = whole > 0
    return torch.where(there, part / torch.where(there, whole, 1.0), 0.0)


def _corners(boxes: Tensor, box_format: BoxFormat) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    a, b, c, d = boxes.unbind(-1)
    if box_format == "xyxy":
        return a, b, c, d
    return a - c / 2, b - d / 2, a + c / 2, b + d / 2


def _size(box: tuple[Tensor, Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    ax, ay, bx, by = box
    return (bx - ax).clamp_min(0), (by - ay).clamp_min(0)

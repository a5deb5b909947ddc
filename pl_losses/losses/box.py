"""What box losses share: they see pairs of boxes, one value each."""

from abc import abstractmethod
from math import prod
from typing import get_args

from torch import Tensor
from typing_extensions import override

from pl_losses.core.boxes import BoxFormat, BoxPair
from pl_losses.core.checks import check_choice, check_floating, check_shape
from pl_losses.core.elements import spread_weight
from pl_losses.core.precision import full_precision, upcast
from pl_losses.core.reduction import Reduction, reduce, weigh
from pl_losses.losses.base import Loss


class BoxLoss(Loss):
    """A loss on boxes ``(*, 4)``; a subclass writes :meth:`values`.

    Args:
        box_format: ``"xyxy"`` (left, top, right, bottom) or ``"cxcywh"`` (centre, size).
        reduction: How the boxes' losses become one number.

    Raises:
        ValueError: If ``box_format`` is not a known one.
    """

    family = "boxes"

    def __init__(self, *, box_format: BoxFormat = "xyxy", reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)
        self.box_format = check_choice("box_format", box_format, get_args(BoxFormat))

    @abstractmethod
    def values(self, boxes: BoxPair) -> Tensor:
        """Return the loss of each box."""

    @override
    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        check_floating("pred", pred)
        check_shape("target", target, pred.shape)
        if pred.ndim < 1 or pred.shape[-1] != 4:
            raise ValueError(f"`pred` must have shape (*, 4); got shape {tuple(pred.shape)}.")
        shape = tuple(pred.shape[:-1])
        with full_precision(pred):
            pred = upcast(pred).reshape(-1, 4)
            target = target.to(pred.dtype).reshape(-1, 4)
            if weight is not None:
                weight = spread_weight(weight.to(pred.dtype), shape)
                weight = weight.expand(-1, prod(shape[1:])).reshape(-1)
                # What weighs nothing is not looked at, so padding may be anything, even nan.
                target = target.masked_fill((weight == 0).unsqueeze(-1), 0)
            values = self.values(BoxPair.of(pred, target, self.box_format))
            if self.reduction == "none":
                return weigh(values, weight).reshape(shape)
            return reduce(values, self.reduction, weight)

"""SIoU loss: IoU, the distance of the centres and its direction, and each side's own error."""

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.boxes import BoxFormat, BoxPair
from pl_losses.core.checks import check_at_least
from pl_losses.core.powers import power
from pl_losses.core.ratios import ratio
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.box import BoxLoss


def siou_loss(boxes: BoxPair, theta: float = 4.0) -> Tensor:
    r"""SCYLLA-IoU loss of each pair of boxes.

    .. math::
        \ell = 1 - \mathrm{IoU} + \frac{\Delta + \Omega}{2}, \qquad
        \Delta = \sum_{t=x,y} 1 - e^{-(2 - \Lambda)\,(d_t/c_t)^2}, \qquad
        \Omega = \sum_{t=w,h} \Big(1 - e^{-|t - t_y| / \max(t, t_y)}\Big)^\theta

    where :math:`d_x, d_y` is how far the centres are apart along each axis, :math:`c_x, c_y` are
    the sides of the smallest box around both, :math:`w, h` width and height, and
    :math:`\Lambda = \sin 2\alpha` is the angle cost: :math:`\alpha` is the angle between an axis
    and the line through the centres, so that the way along an axis counts most. No unit.

    Args:
        boxes: Pairs of boxes.
        theta: Exponent :math:`\theta` of the shape cost; the paper's range is 2 to 6.

    Returns:
        Loss of each pair, 0 to 3.

    Example:
        >>> siou_loss(BoxPair.of(torch.tensor([[0.0, 0.0, 2.0, 2.0]]),
        ...                      torch.tensor([[1.0, 0.0, 3.0, 2.0]]), "xyxy"))
        tensor([0.7663])

    References:
        Gevorgyan, `SIoU Loss <https://arxiv.org/abs/2205.12740>`_, 2022, whose
        :math:`1 - 2\sin^2(\arcsin(\sin\alpha) - \pi/4)` is :math:`\sin 2\alpha`.
    """
    offset = boxes.offset
    distance = (_angle_cost(offset) - 2) * ratio(offset, boxes.extent).square()
    longest = torch.maximum(boxes.pred_size, boxes.target_size)
    shape = power(-torch.expm1(-ratio(boxes.growth.abs(), longest)), theta)
    return 1 - boxes.iou + (shape - distance.expm1()).sum(0) / 2


def _angle_cost(offset: Tensor) -> Tensor:
    # sin 2a = 2 r / (1 + r^2), where r is the shorter leg over the longer: no angle is needed, and
    # nothing smaller than an offset is divided by.
    along_x, along_y = offset.abs().unbind(0)
    legs = ratio(torch.minimum(along_x, along_y), torch.maximum(along_x, along_y))
    return 2 * legs / (1 + legs * legs)


@LOSSES.register("siou")
class SIoULoss(BoxLoss):
    """SCYLLA-IoU loss of boxes; the formula is :func:`siou_loss`'s.

    Args:
        theta: Exponent of the shape cost, at least 1; the paper's range is 2 to 6.
        box_format: ``"xyxy"`` (left, top, right, bottom) or ``"cxcywh"`` (centre, size).
        reduction: How the boxes' losses become one number.

    Raises:
        ValueError: If ``theta`` is below 1.

    Example:
        >>> loss = SIoULoss(box_format="cxcywh")
        >>> loss(torch.tensor([[5.0, 5.0, 2.0, 4.0]]), torch.tensor([[5.0, 5.0, 2.0, 2.0]]))
        tensor(0.5120)
    """

    def __init__(
        self,
        *,
        theta: float = 4.0,
        box_format: BoxFormat = "xyxy",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(box_format=box_format, reduction=reduction)
        self.theta = check_at_least("theta", theta, 1)

    @override
    def values(self, boxes: BoxPair) -> Tensor:
        return siou_loss(boxes, self.theta)

"""Box losses built on the intersection over union, each adding one thing that IoU cannot see."""

from math import pi

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.boxes import BoxPair, ratio
from pl_losses.losses.base import LOSSES
from pl_losses.losses.box import BoxLoss


def box_iou(boxes: BoxPair) -> Tensor:
    """Intersection over union of each pair, 0 to 1; 0 where neither box has an area."""
    return ratio(boxes.both, boxes.union)


def ciou_loss(boxes: BoxPair) -> Tensor:
    r"""Complete IoU loss of each pair of boxes.

    .. math::
        \ell = 1 - \mathrm{IoU} + \frac{d^2}{c^2} + \alpha v, \qquad
        v = \frac{4}{\pi^2} \Big(\arctan\frac{w_y}{h_y} - \arctan\frac{w}{h}\Big)^2, \qquad
        \alpha = \frac{v}{1 - \mathrm{IoU} + v}

    where :math:`d` is the distance of the centres, :math:`c` the diagonal of the smallest box
    around both, and :math:`w, h` width and height. No unit. As in the paper, :math:`\alpha` is a
    weight and has no gradient. Unlike the paper's code, :math:`v` keeps its true gradient.

    Angles are taken by ``atan2``, so that boxes without height, width or area are finite in value
    and gradient, and two equal boxes cost 0, or 1 if they have no area.

    Args:
        boxes: Pairs of boxes.

    Returns:
        Loss of each pair, 0 to 3.

    Example:
        >>> pair = BoxPair.of(torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 0., 3., 2.]]),
        ...                   "xyxy")
        >>> ciou_loss(pair)
        tensor([0.7436])

    References:
        Zheng et al., `Distance-IoU Loss <https://arxiv.org/abs/1911.08287>`_, AAAI 2020, eq. 8-11.
    """
    iou = box_iou(boxes)
    gap = _gap(boxes)
    (w, h), (v, g) = boxes.pred_size, boxes.target_size
    aspect = (4 / pi**2) * (_angle(v, g) - _angle(w, h)).square()
    with torch.no_grad():
        weight = ratio(aspect, 1 - iou + aspect)
    return 1 - iou + gap + weight * aspect


def _gap(boxes: BoxPair) -> Tensor:
    (dx, dy), (width, height) = boxes.offset, boxes.extent
    return ratio(dx.square() + dy.square(), width.square() + height.square())


def _angle(width: Tensor, height: Tensor) -> Tensor:
    # At the origin atan2 has no slope; a box of one point has no shape that could be wrong.
    there = (width > 0) | (height > 0)
    return torch.atan2(width.where(there, 1.0), height.where(there, 1.0))


@LOSSES.register("ciou")
class CIoULoss(BoxLoss):
    """Complete IoU loss of boxes; the formula is :func:`ciou_loss`'s.

    Args:
        box_format: ``"xyxy"`` (left, top, right, bottom) or ``"cxcywh"`` (centre, size).
        reduction: How the boxes' losses become one number.

    Example:
        >>> loss = CIoULoss(box_format="cxcywh")
        >>> loss(torch.tensor([[5.0, 5.0, 2.0, 4.0]]), torch.tensor([[5.0, 5.0, 2.0, 4.0]]))
        tensor(0.)
    """

    @override
    def values(self, boxes: BoxPair) -> Tensor:
        return ciou_loss(boxes)

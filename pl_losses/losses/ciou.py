"""Complete IoU loss: IoU, the distance of the centres and the shapes of the boxes."""

from math import pi

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.boxes import BoxPair
from pl_losses.core.ratios import ratio
from pl_losses.losses.base import LOSSES
from pl_losses.losses.box import BoxLoss
from pl_losses.losses.diou import centre_gap


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
        >>> ciou_loss(BoxPair.of(torch.tensor([[0.0, 0.0, 2.0, 2.0]]),
        ...                      torch.tensor([[1.0, 0.0, 3.0, 2.0]]), "xyxy"))
        tensor([0.7436])

    References:
        Zheng et al., `Distance-IoU Loss <https://arxiv.org/abs/1911.08287>`_, AAAI 2020.
    """
    iou = boxes.iou
    return 1 - iou + centre_gap(boxes) + shape_gap(boxes, iou)


def shape_gap(boxes: BoxPair, iou: Tensor) -> Tensor:
    r"""Term :math:`\alpha v` of :func:`ciou_loss`: how unlike the aspect ratios are, 0 to 1."""
    gap = _angle(boxes.target_size) - _angle(boxes.pred_size)
    unlike = (4 / pi**2) * gap.square()
    with torch.no_grad():
        alpha = ratio(unlike, 1 - iou + unlike)
    return alpha * unlike


def _angle(size: Tensor) -> Tensor:
    # At the origin atan2 has no slope, and near it its squares vanish; a box of one point has no
    # shape that could be wrong.
    point = size.amax(0) <= torch.finfo(size.dtype).tiny ** 0.5
    width, height = size.masked_fill(point, 1.0).unbind(0)
    return torch.atan2(width, height)


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

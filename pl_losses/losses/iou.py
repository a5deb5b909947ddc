"""IoU loss: the share of two boxes' union that they do not share."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.boxes import BoxPair
from pl_losses.losses.base import LOSSES
from pl_losses.losses.box import BoxLoss


def iou_loss(boxes: BoxPair) -> Tensor:
    r"""IoU loss of each pair of boxes.

    .. math::
        \ell = 1 - \mathrm{IoU}, \qquad \mathrm{IoU} = \frac{|B \cap B_y|}{|B \cup B_y|}

    where :math:`B` is the predicted and :math:`B_y` the true box. No unit. Boxes that do not meet
    cost 1 and have no gradient, however far apart they are; GIoU, DIoU and their like mend that.

    Args:
        boxes: Pairs of boxes.

    Returns:
        Loss of each pair, 0 to 1; 1 where neither box has an area.

    Example:
        >>> import torch
        >>> iou_loss(BoxPair.of(torch.tensor([[0.0, 0.0, 2.0, 2.0]]),
        ...                     torch.tensor([[1.0, 0.0, 3.0, 2.0]]), "xyxy"))
        tensor([0.6667])

    References:
        Yu et al., `UnitBox <https://arxiv.org/abs/1608.01471>`_, ACM MM 2016, whose loss is
        :math:`-\log \mathrm{IoU}`; the linear form, bounded and finite, is that of Rezatofighi et
        al., `Generalized IoU <https://arxiv.org/abs/1902.09630>`_, CVPR 2019.
    """
    return 1 - boxes.iou


@LOSSES.register("iou")
class IoULoss(BoxLoss):
    """IoU loss of boxes; the formula is :func:`iou_loss`'s.

    Args:
        box_format: ``"xyxy"`` (left, top, right, bottom) or ``"cxcywh"`` (centre, size).
        reduction: How the boxes' losses become one number.

    Example:
        >>> import torch
        >>> loss = IoULoss(box_format="cxcywh")
        >>> loss(torch.tensor([[5.0, 5.0, 2.0, 4.0]]), torch.tensor([[5.0, 5.0, 2.0, 2.0]]))
        tensor(0.5000)
    """

    @override
    def values(self, boxes: BoxPair) -> Tensor:
        return iou_loss(boxes)

"""Generalized IoU loss: IoU that also sees how far apart two boxes are."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.boxes import BoxPair, product
from pl_losses.core.ratios import ratio
from pl_losses.losses.base import LOSSES
from pl_losses.losses.box import BoxLoss


def giou_loss(boxes: BoxPair) -> Tensor:
    r"""Generalized IoU loss of each pair of boxes.

    .. math::
        \ell = 1 - \mathrm{IoU} + \frac{|C| - |B \cup B_y|}{|C|}

    where :math:`C` is the smallest box around the predicted box :math:`B` and the true one
    :math:`B_y`. No unit.

    Args:
        boxes: Pairs of boxes.

    Returns:
        Loss of each pair, 0 to 2; 1 where the surrounding box has no area.

    Example:
        >>> import torch
        >>> giou_loss(BoxPair.of(torch.tensor([[0.0, 0.0, 1.0, 1.0]]),
        ...                      torch.tensor([[3.0, 0.0, 4.0, 1.0]]), "xyxy"))
        tensor([1.5000])

    References:
        Rezatofighi et al., `Generalized Intersection over Union
        <https://arxiv.org/abs/1902.09630>`_, CVPR 2019.
    """
    union, hull = boxes.union, product(boxes.extent)
    return 1 - boxes.iou + ratio(hull - union, hull)


@LOSSES.register("giou")
class GIoULoss(BoxLoss):
    """Generalized IoU loss of boxes; the formula is :func:`giou_loss`'s.

    Args:
        box_format: ``"xyxy"`` (left, top, right, bottom) or ``"cxcywh"`` (centre, size).
        reduction: How the boxes' losses become one number.

    Example:
        >>> import torch
        >>> loss = GIoULoss()
        >>> loss(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 1.0, 3.0, 3.0]]))
        tensor(1.0794)
    """

    @override
    def values(self, boxes: BoxPair) -> Tensor:
        return giou_loss(boxes)

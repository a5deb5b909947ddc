"""Distance IoU loss: IoU and the distance of the centres."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.boxes import BoxPair, squared_norm
from pl_losses.core.ratios import ratio
from pl_losses.losses.base import LOSSES
from pl_losses.losses.box import BoxLoss


def diou_loss(boxes: BoxPair) -> Tensor:
    r"""Distance IoU loss of each pair of boxes.

    .. math::
        \ell = 1 - \mathrm{IoU} + \frac{d^2}{c^2}

    where :math:`d` is the distance of the centres and :math:`c` the diagonal of the smallest box
    around both. No unit.

    Args:
        boxes: Pairs of boxes.

    Returns:
        Loss of each pair, 0 to 2.

    Example:
        >>> import torch
        >>> diou_loss(BoxPair.of(torch.tensor([[0.0, 0.0, 2.0, 2.0]]),
        ...                      torch.tensor([[1.0, 0.0, 3.0, 2.0]]), "xyxy"))
        tensor([0.7436])

    References:
        Zheng et al., `Distance-IoU Loss <https://arxiv.org/abs/1911.08287>`_, AAAI 2020.
    """
    return 1 - boxes.iou + centre_gap(boxes)


def centre_gap(boxes: BoxPair) -> Tensor:
    r"""Squared distance of the centres, as a share of the squared diagonal around both boxes."""
    return ratio(squared_norm(boxes.offset), squared_norm(boxes.extent))


@LOSSES.register("diou")
class DIoULoss(BoxLoss):
    """Distance IoU loss of boxes; the formula is :func:`diou_loss`'s.

    Args:
        box_format: ``"xyxy"`` (left, top, right, bottom) or ``"cxcywh"`` (centre, size).
        reduction: How the boxes' losses become one number.

    Example:
        >>> import torch
        >>> loss = DIoULoss(box_format="cxcywh")
        >>> loss(torch.tensor([[5.0, 5.0, 2.0, 4.0]]), torch.tensor([[5.0, 5.0, 2.0, 2.0]]))
        tensor(0.5000)
    """

    @override
    def values(self, boxes: BoxPair) -> Tensor:
        return diou_loss(boxes)

"""Efficient IoU loss: IoU, the distance of the centres, and each side's own error."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.boxes import BoxPair, squared_norm
from pl_losses.core.ratios import ratio
from pl_losses.losses.base import LOSSES
from pl_losses.losses.box import BoxLoss
from pl_losses.losses.diou import centre_gap


def eiou_loss(boxes: BoxPair) -> Tensor:
    r"""Efficient IoU loss of each pair of boxes.

    .. math::
        \ell = 1 - \mathrm{IoU} + \frac{d^2}{c_w^2 + c_h^2}
            + \frac{(w - w_y)^2}{c_w^2} + \frac{(h - h_y)^2}{c_h^2}

    where :math:`d` is the distance of the centres, :math:`w, h` are width and height, and
    :math:`c_w, c_h` those of the smallest box around both. No unit. Unlike the aspect ratio of
    :func:`~pl_losses.losses.ciou.ciou_loss`, the sides can shrink or grow together.

    Args:
        boxes: Pairs of boxes.

    Returns:
        Loss of each pair, 0 to 4.

    Example:
        >>> import torch
        >>> eiou_loss(BoxPair.of(torch.tensor([[0.0, 0.0, 4.0, 2.0]]),
        ...                      torch.tensor([[1.0, 0.0, 3.0, 2.0]]), "xyxy"))
        tensor([0.7500])

    References:
        Zhang et al., `Focal and Efficient IOU Loss <https://arxiv.org/abs/2101.08158>`_,
        Neurocomputing 2022; without its focal weight.
    """
    return 1 - boxes.iou + centre_gap(boxes) + squared_norm(ratio(boxes.growth, boxes.extent))


@LOSSES.register("eiou")
class EIoULoss(BoxLoss):
    """Efficient IoU loss of boxes; the formula is :func:`eiou_loss`'s.

    Args:
        box_format: ``"xyxy"`` (left, top, right, bottom) or ``"cxcywh"`` (centre, size).
        reduction: How the boxes' losses become one number.

    Example:
        >>> import torch
        >>> loss = EIoULoss(box_format="cxcywh")
        >>> loss(torch.tensor([[5.0, 5.0, 2.0, 4.0]]), torch.tensor([[5.0, 5.0, 2.0, 2.0]]))
        tensor(0.7500)
    """

    @override
    def values(self, boxes: BoxPair) -> Tensor:
        return eiou_loss(boxes)

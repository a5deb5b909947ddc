"""Alpha-IoU loss: powers of IoU and of its penalties, so that good boxes weigh more."""

from typing import Literal, get_args

from torch import Tensor
from typing_extensions import override

from pl_losses.core.boxes import BoxFormat, BoxPair, product
from pl_losses.core.checks import check_above, check_choice
from pl_losses.core.powers import power
from pl_losses.core.ratios import ratio
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.box import BoxLoss
from pl_losses.losses.ciou import shape_gap
from pl_losses.losses.diou import centre_gap

Base = Literal["iou", "giou", "diou", "ciou"]


def alpha_iou_loss(boxes: BoxPair, alpha: float = 3.0, base: Base = "iou") -> Tensor:
    r"""Alpha-IoU loss of each pair of boxes.

    .. math::
        \ell = 1 - \mathrm{IoU}^\alpha + \sum_i P_i^\alpha

    where the penalties :math:`P_i` are those of the loss it is built on: none for IoU,
    :math:`(|C| - |B \cup B_y|) / |C|` for GIoU, :math:`d^2 / c^2` for DIoU, and that and the
    shape term for CIoU. No unit. With :math:`\alpha = 1` it is that loss; above 1, the slope is
    steeper for boxes that overlap much.

    Args:
        boxes: Pairs of boxes.
        alpha: Exponent :math:`\alpha > 0`.
        base: The loss it is built on.

    Returns:
        Loss of each pair, at least 0.

    Example:
        >>> import torch
        >>> pair = BoxPair.of(torch.tensor([[0.0, 0.0, 2.0, 2.0]]),
        ...                   torch.tensor([[0.0, 0.0, 2.0, 1.0]]), "xyxy")
        >>> alpha_iou_loss(pair)
        tensor([0.8750])

    References:
        He et al., `Alpha-IoU <https://arxiv.org/abs/2110.13675>`_, NeurIPS 2021.
    """
    iou = boxes.iou
    loss = 1 - power(iou, alpha)
    for penalty in _penalties(boxes, iou, base):
        loss = loss + power(penalty, alpha)
    return loss


def _penalties(boxes: BoxPair, iou: Tensor, base: Base) -> tuple[Tensor, ...]:
    if base == "giou":
        hull = product(boxes.extent)
        return (ratio((hull - boxes.union).relu(), hull),)
    if base == "diou":
        return (centre_gap(boxes),)
    if base == "ciou":
        return centre_gap(boxes), shape_gap(boxes, iou)
    return ()


@LOSSES.register("alpha_iou")
class AlphaIoULoss(BoxLoss):
    """Alpha-IoU loss of boxes; the formula is :func:`alpha_iou_loss`'s.

    Args:
        alpha: Exponent, above 0; the paper's choice is 3.
        base: The loss it is built on: ``"iou"``, ``"giou"``, ``"diou"`` or ``"ciou"``.
        box_format: ``"xyxy"`` (left, top, right, bottom) or ``"cxcywh"`` (centre, size).
        reduction: How the boxes' losses become one number.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> import torch
        >>> loss = AlphaIoULoss(base="diou", box_format="cxcywh")
        >>> loss(torch.tensor([[5.0, 5.0, 2.0, 4.0]]), torch.tensor([[5.0, 5.0, 2.0, 2.0]]))
        tensor(0.8750)
    """

    def __init__(
        self,
        *,
        alpha: float = 3.0,
        base: Base = "iou",
        box_format: BoxFormat = "xyxy",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(box_format=box_format, reduction=reduction)
        self.alpha = check_above("alpha", alpha, 0)
        self.base = check_choice("base", base, get_args(Base))

    @override
    def values(self, boxes: BoxPair) -> Tensor:
        return alpha_iou_loss(boxes, self.alpha, self.base)

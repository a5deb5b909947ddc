"""Smooth L1: squared near zero, absolute beyond."""

from functools import partial

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above
from pl_losses.core.labels import LabelsLike
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.regression import RegressionLoss


def smooth_l1(pred: Tensor, target: Tensor, beta: float = 1.0) -> Tensor:
    r"""Smooth L1 of each element.

    .. math::
        \ell = \begin{cases} r^2 / 2\beta & |r| < \beta \\ |r| - \beta/2 & \text{else}
        \end{cases}, \qquad r = x - y

    in units of the target. It is the Huber loss divided by :math:`\beta`, and tends to the
    absolute error as :math:`\beta \to 0`.

    Args:
        pred: Prediction, any shape.
        target: Target, same shape.
        beta: Width :math:`\beta > 0` of the squared part, in units of the target.

    Example:
        >>> import torch
        >>> smooth_l1(torch.tensor([0.5, 3.0]), torch.zeros(2))
        tensor([0.1250, 2.5000])

    References:
        Girshick, `Fast R-CNN <https://arxiv.org/abs/1504.08083>`_, ICCV 2015.
    """
    return F.smooth_l1_loss(pred, target, reduction="none", beta=beta)


@LOSSES.register("smooth_l1")
class SmoothL1Loss(RegressionLoss):
    r"""Smooth L1; the formula is :func:`smooth_l1`'s.

    Args:
        labels: What the target means; numbers, unless said otherwise.
        beta: Width :math:`\beta > 0` of the squared part, in units of the target.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``beta`` is not above 0.

    Example:
        >>> import torch
        >>> SmoothL1Loss(beta=0.5)(torch.tensor([3.0]), torch.tensor([1.0]))
        tensor(1.7500)
    """

    alone = True
    lean = ("regression",)

    def __init__(
        self,
        labels: LabelsLike = "regression",
        *,
        beta: float = 1.0,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.beta = check_above("beta", beta, 0)
        self.kernel = partial(F.smooth_l1_loss, beta=self.beta)

    @override
    def values(self, pred: Tensor, target: Tensor, *context: Tensor) -> Tensor:
        return smooth_l1(pred, target, self.beta)

"""Huber loss: squared near zero, absolute beyond, in squared units."""

from functools import partial

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above
from pl_losses.core.labels import LabelsLike
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.regression import RegressionLoss


def huber_loss(pred: Tensor, target: Tensor, delta: float = 1.0) -> Tensor:
    r"""Huber loss of each element.

    .. math::
        \ell = \begin{cases} r^2 / 2 & |r| \le \delta \\ \delta (|r| - \delta/2) & \text{else}
        \end{cases}, \qquad r = x - y

    in squared units of the target. It is :math:`\delta` times smooth L1, and tends to half the
    squared error as :math:`\delta \to \infty`.

    Args:
        pred: Prediction, any shape.
        target: Target, same shape.
        delta: Residual :math:`\delta > 0` beyond which it is linear, in units of the target.

    Example:
        >>> import torch
        >>> huber_loss(torch.tensor([1.0, 5.0]), torch.zeros(2), delta=2.0)
        tensor([0.5000, 8.0000])

    References:
        Huber, `Robust Estimation of a Location Parameter
        <https://doi.org/10.1214/aoms/1177703732>`_, Annals of Mathematical Statistics, 1964.
    """
    return F.huber_loss(pred, target, reduction="none", delta=delta)


@LOSSES.register("huber")
class HuberLoss(RegressionLoss):
    r"""Huber loss; the formula is :func:`huber_loss`'s.

    Args:
        labels: What the target means; numbers, unless said otherwise.
        delta: Residual :math:`\delta > 0` beyond which it is linear, in units of the target.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``delta`` is not above 0.

    Example:
        >>> import torch
        >>> HuberLoss(delta=0.5)(torch.tensor([3.0]), torch.tensor([1.0]))
        tensor(0.8750)
    """

    alone = True
    lean = ("regression",)

    def __init__(
        self,
        labels: LabelsLike = "regression",
        *,
        delta: float = 1.0,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.delta = check_above("delta", delta, 0)
        self.kernel = partial(F.huber_loss, delta=self.delta)

    @override
    def values(self, pred: Tensor, target: Tensor, *context: Tensor) -> Tensor:
        return huber_loss(pred, target, self.delta)

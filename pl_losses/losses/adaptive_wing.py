"""Adaptive wing loss: steep on the peaks of a heat-map, tame on its background."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above, check_at_least
from pl_losses.core.labels import Kind, LabelsLike
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.regression import RegressionLoss


def adaptive_wing_loss(
    pred: Tensor,
    target: Tensor,
    alpha: float = 2.1,
    omega: float = 14.0,
    epsilon: float = 1.0,
    theta: float = 0.5,
) -> Tensor:
    r"""Adaptive wing loss of each pixel of a heat-map.

    .. math::
        \ell = \begin{cases} \omega \log (1 + (|r| / \epsilon)^{\alpha - y}) & |r| < \theta \\
        A |r| - C & \text{else} \end{cases}, \qquad r = x - y

    where :math:`A` and :math:`C` continue the first line in value and in slope beyond
    :math:`|r| = \theta`. The target :math:`y` is from 0 to 1 (outside, the exponent is that of
    the nearer end): around a peak the exponent is about 1.1 and small errors still pull, on the
    background it is about 2 and they do not.

    Args:
        pred: Predicted heat-map, any shape.
        target: True heat-map, same shape.
        alpha: :math:`\alpha \ge 2`, a little above 2.
        omega: Scale :math:`\omega > 0`.
        epsilon: :math:`\epsilon > 0`; the smaller, the steeper at zero.
        theta: Residual :math:`\theta > 0` beyond which it is linear.

    Example:
        >>> adaptive_wing_loss(torch.tensor([0.1, 0.9]), torch.tensor([0.0, 1.0]))
        tensor([0.1108, 1.0701])

    References:
        Wang et al., `Adaptive Wing Loss <https://arxiv.org/abs/1904.07399>`_, ICCV 2019.
    """
    error = (pred - target).abs()
    exponent = alpha - target.clamp(0, 1)
    # log(1 + u^a) = softplus(a log u). Past theta it stands still, and the line sets out from
    # there; at zero, where the logarithm has no end, it stops short.
    bounded = (error / epsilon).clamp(torch.finfo(error.dtype).tiny, theta / epsilon)
    bend = omega * F.softplus(exponent * bounded.log())
    slope = omega / theta * exponent * (exponent * math.log(theta / epsilon)).sigmoid()
    return bend + slope * (error - theta).relu()


@LOSSES.register("adaptive_wing")
class AdaptiveWingLoss(RegressionLoss):
    r"""Adaptive wing loss of heat-maps; the formula is :func:`adaptive_wing_loss`'s.

    The labels may be soft yes-or-no ones; the heat-map is then the sigmoid of the prediction.

    Args:
        labels: What the target means; numbers, unless said otherwise.
        alpha: At least 2, a little above 2.
        omega: Scale, above 0.
        epsilon: Above 0; the smaller, the steeper at zero.
        theta: Residual beyond which it is linear, above 0.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> AdaptiveWingLoss()(torch.tensor([[0.9, 0.1]]), torch.tensor([[0.9, 0.0]]))
        tensor(0.0554)
    """

    kinds: tuple[Kind, ...] = ("binary", "multilabel", "regression")

    def __init__(
        self,
        labels: LabelsLike = "regression",
        *,
        alpha: float = 2.1,
        omega: float = 14.0,
        epsilon: float = 1.0,
        theta: float = 0.5,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.alpha = check_at_least("alpha", alpha, 2)
        self.omega = check_above("omega", omega, 0)
        self.epsilon = check_above("epsilon", epsilon, 0)
        self.theta = check_above("theta", theta, 0)

    @override
    def values(self, pred: Tensor, target: Tensor, *context: Tensor) -> Tensor:
        return adaptive_wing_loss(pred, target, self.alpha, self.omega, self.epsilon, self.theta)

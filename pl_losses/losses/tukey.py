"""Tukey's biweight: squared near zero, constant for outliers, which then have no say."""

from typing import Literal, get_args

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above, check_choice
from pl_losses.core.elements import Elements
from pl_losses.core.labels import Kind, LabelsLike
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.regression import RegressionLoss, numbers

Scale = Literal["none", "mad"]

SIGMA_PER_MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


def tukey_loss(residual: Tensor, c: float = 4.6851) -> Tensor:
    r"""Tukey's biweight loss of each residual.

    .. math::
        \ell = \begin{cases} \frac{c^2}{6} \Big(1 - \big(1 - (r/c)^2\big)^3\Big) & |r| \le c \\
        c^2 / 6 & \text{else} \end{cases}

    in squared units of the residual, about :math:`r^2/2` near zero.

    Args:
        residual: Prediction minus target, any shape, in units of its spread.
        c: Residual :math:`c > 0` from which on it is constant; 4.6851 is 95 % as efficient as
            least squares where residuals are normal with spread 1.

    Example:
        >>> tukey_loss(torch.tensor([0.1, 5.0, 500.0]))
        tensor([0.0050, 3.6584, 3.6584])

    References:
        Beaton and Tukey, `The Fitting of Power Series
        <https://doi.org/10.1080/00401706.1974.10489171>`_, Technometrics, 1974; for networks:
        Belagiannis et al., `Robust Optimization for Deep Regression
        <https://arxiv.org/abs/1505.06606>`_, ICCV 2015.
    """
    share = (residual / c).square().clamp_max(1)
    # 1 - (1 - u)^3, multiplied out: a small residual keeps its digits.
    return c**2 / 6 * (share * (3 + share * (share - 3)))


@LOSSES.register("tukey")
class TukeyLoss(RegressionLoss):
    r"""Tukey's biweight loss; the formula is :func:`tukey_loss`'s.

    An outlier has no gradient at all, so the loss cannot start from far away: train with another
    first, or let the spread be measured.

    Args:
        labels: What the target means: numbers.
        c: Residual from which on the loss is constant, above 0, in units of the spread.
        scale: The spread: ``"none"``, one unit of the target; ``"mad"``, 1.4826 times the median
            absolute deviation of the batch's residuals, without gradient, or one unit where that
            is 0. The paper measures it for each output; here all outputs share it. Weights other
            than 0 do not change it.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``c`` is not above 0, or ``scale`` is not a known one.

    Example:
        >>> loss = TukeyLoss(c=2.0)
        >>> loss(torch.tensor([1.0, 90.0]), torch.zeros(2))
        tensor(0.5260)
    """

    kinds: tuple[Kind, ...] = ("regression",)

    def __init__(
        self,
        labels: LabelsLike = "regression",
        *,
        c: float = 4.6851,
        scale: Scale = "none",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.c = check_above("c", c, 0)
        self.scale = check_choice("scale", scale, get_args(Scale))

    @override
    def context(self, elements: Elements) -> tuple[Tensor, ...]:
        if self.scale == "none":
            return ()
        with torch.no_grad():
            pred, target, weight = numbers(
                self.labels, elements.pred, elements.target, elements.weight
            )
            return (spread(pred - target, weight).reshape(1, 1),)

    @override
    def values(self, pred: Tensor, target: Tensor, *context: Tensor) -> Tensor:
        residual = pred - target
        return tukey_loss(residual / context[0] if context else residual, self.c)


def spread(residual: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return 1.4826 times the median absolute deviation; 1 where that is 0, or without residuals.

    Args:
        residual: Any shape.
        weight: What weighs 0 does not count; broadcastable.

    Example:
        >>> spread(torch.tensor([1.0, 2.0, 3.0, 4.0, 900.0]))
        tensor(1.4826)
    """
    if weight is not None:
        residual = residual.masked_fill(weight == 0, torch.nan)
    mad = _median((residual - _median(residual)).abs())
    return (SIGMA_PER_MAD * mad).where(mad > 0, 1.0)


def _median(values: Tensor) -> Tensor:
    # torch's nanmedian waits for the device to count. Here nan comes last, and one more of them
    # gives a median to no values, too.
    flat = torch.cat([values.flatten(), values.new_full((1,), torch.nan)])
    middle = (flat.isfinite().sum() - 1).clamp_min(0) // 2
    return flat.sort().values.gather(0, middle.reshape(1)).squeeze(0)

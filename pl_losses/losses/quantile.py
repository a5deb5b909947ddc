"""Quantile loss: an absolute error with a price of its own for each side."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_between
from pl_losses.core.labels import Kind, LabelsLike
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.regression import RegressionLoss


def quantile_loss(pred: Tensor, target: Tensor, quantile: float = 0.5) -> Tensor:
    r"""Quantile (pinball) loss of each element.

    .. math::
        \ell = \begin{cases} \tau (y - x) & x < y \\ (1 - \tau) (x - y) & \text{else} \end{cases}

    in units of the target. It is least where a share :math:`\tau` of the targets lies below the
    prediction; with :math:`\tau = 1/2` it is half the absolute error.

    Args:
        pred: Prediction, any shape.
        target: Target, same shape.
        quantile: Share :math:`\tau`, 0 to 1.

    Example:
        >>> import torch
        >>> quantile_loss(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 2.0]), quantile=0.75)
        tensor([0.7500, 0.2500])

    References:
        Koenker and Bassett, `Regression Quantiles <https://doi.org/10.2307/1913643>`_,
        Econometrica, 1978.
    """
    residual = pred - target
    return 0.5 * residual.abs() + (0.5 - quantile) * residual


@LOSSES.register("quantile", "pinball")
class QuantileLoss(RegressionLoss):
    r"""Quantile loss; the formula is :func:`quantile_loss`'s.

    Args:
        labels: What the target means: numbers.
        quantile: Share :math:`\tau` of the targets that shall lie below the prediction, 0 to 1.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``quantile`` is not from 0 to 1.

    Example:
        >>> import torch
        >>> QuantileLoss(quantile=0.9)(torch.tensor([1.0]), torch.tensor([3.0]))
        tensor(1.8000)
    """

    kinds: tuple[Kind, ...] = ("regression",)

    def __init__(
        self,
        labels: LabelsLike = "regression",
        *,
        quantile: float = 0.5,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.quantile = check_between("quantile", quantile, 0, 1)

    @override
    def values(self, pred: Tensor, target: Tensor, *context: Tensor) -> Tensor:
        return quantile_loss(pred, target, self.quantile)

"""Log-cosh loss: a smooth passage from squared to absolute error."""

import math

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from pl_losses.losses.base import LOSSES
from pl_losses.losses.regression import RegressionLoss


def log_cosh(pred: Tensor, target: Tensor) -> Tensor:
    r"""Log-cosh loss of each element.

    .. math:: \ell = \log \cosh r, \qquad r = x - y

    about :math:`r^2/2` near zero and :math:`|r| - \log 2` far from it. The scale on which it bends
    is one unit of the target: bring the target to that size.

    Args:
        pred: Prediction, any shape.
        target: Target, same shape.

    Example:
        >>> import torch
        >>> log_cosh(torch.tensor([0.0, 1.0, -100.0]), torch.zeros(3))
        tensor([ 0.0000,  0.4338, 99.3069])

    References:
        Saleh and Saleh, `Statistical Properties of the Log-Cosh Loss Function
        <https://arxiv.org/abs/2208.04564>`_, 2022.
    """
    # r + log(1 + e^-2r) - log 2: nothing overflows, and the rounding error is that of a residual
    # about 1. Torch divides its softplus by beta.
    residual = pred - target
    return residual.add(F.softplus(residual, beta=-2), alpha=-2) - math.log(2)


@LOSSES.register("log_cosh")
class LogCoshLoss(RegressionLoss):
    """Log-cosh loss; the formula is :func:`log_cosh`'s.

    Args:
        labels: What the target means; numbers, unless said otherwise.
        reduction: How the elements' losses become one number.

    Example:
        >>> import torch
        >>> LogCoshLoss()(torch.tensor([3.0]), torch.tensor([1.0]))
        tensor(1.3250)
    """

    alone = True

    @override
    def values(self, pred: Tensor, target: Tensor, *context: Tensor) -> Tensor:
        return log_cosh(pred, target)

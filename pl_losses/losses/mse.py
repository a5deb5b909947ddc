"""Squared error, of numbers or of probabilities."""

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from pl_losses.losses.base import LOSSES
from pl_losses.losses.regression import RegressionLoss


def squared_error(pred: Tensor, target: Tensor) -> Tensor:
    r"""Squared error of each element, :math:`\ell = (x - y)^2`, in squared units of the target.

    Example:
        >>> import torch
        >>> squared_error(torch.tensor([1.0, 5.0]), torch.tensor([1.0, 2.0]))
        tensor([0., 9.])
    """
    return F.mse_loss(pred, target, reduction="none")


@LOSSES.register("mse", "l2", "brier")
class MSELoss(RegressionLoss):
    r"""Mean squared error; the formula is :func:`squared_error`'s.

    With ``labels="binary"`` or ``"multiclass"`` it is the Brier score of the probabilities,
    :math:`(p - y)^2` or :math:`\sum_k (p_k - y_k)^2`: bounded, so that no pixel outweighs the
    rest, and proper, so that it is least at the true probabilities. A weighted mean such as 8:1
    for rare positives is ``Labels("binary", class_weights=[1, 8])``; it moves the best threshold
    from 1/2 to 8/9.

    Args:
        labels: What the target means; numbers, unless said otherwise.
        reduction: How the elements' losses become one number.

    Example:
        >>> import torch
        >>> loss = MSELoss({"kind": "binary", "class_weights": [1, 8]})
        >>> loss(torch.zeros(2), torch.tensor([0, 1]))
        tensor(0.2500)

    References:
        Brier, `Verification of Forecasts Expressed in Terms of Probability
        <https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2>`_, 1950.
    """

    alone = True
    lean = ("regression",)
    kernel = staticmethod(F.mse_loss)

    @override
    def values(self, pred: Tensor, target: Tensor, *context: Tensor) -> Tensor:
        return squared_error(pred, target)

"""Wing loss: logarithmic near zero, so that small errors of landmarks still pull."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above
from pl_losses.core.labels import Kind, LabelsLike
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.regression import RegressionLoss


def wing_loss(pred: Tensor, target: Tensor, width: float = 10.0, curvature: float = 2.0) -> Tensor:
    r"""Wing loss of each coordinate.

    .. math::
        \ell = \begin{cases} w \log (1 + |r| / \epsilon) & |r| < w \\ |r| - C & \text{else}
        \end{cases}, \qquad r = x - y, \quad C = w - w \log(1 + w / \epsilon)

    in the unit of the target, for which the paper's numbers are pixels.

    Args:
        pred: Predicted coordinates, any shape.
        target: True coordinates, same shape.
        width: Residual :math:`w > 0` beyond which it is linear.
        curvature: :math:`\epsilon > 0`; the smaller, the steeper at zero.

    Example:
        >>> import torch
        >>> wing_loss(torch.tensor([2.0, 20.0]), torch.zeros(2))
        tensor([ 6.9315, 27.9176])

    References:
        Feng et al., `Wing Loss for Robust Facial Landmark Localisation
        <https://arxiv.org/abs/1711.06753>`_, CVPR 2018.
    """
    error = (pred - target).abs()
    # Past the width the logarithm stands still, and the line sets out from there.
    return width * (error.clamp_max(width) / curvature).log1p() + (error - width).relu()


@LOSSES.register("wing")
class WingLoss(RegressionLoss):
    r"""Wing loss of landmarks; the formula is :func:`wing_loss`'s.

    Args:
        labels: What the target means: numbers.
        width: Residual :math:`w > 0` beyond which it is linear, in units of the target. The
            paper's 10 is for pixels; some implementations have 5 and 0.5.
        curvature: :math:`\epsilon > 0`; the smaller, the steeper at zero.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If an option is not above 0.

    Example:
        >>> import torch
        >>> WingLoss()(torch.tensor([[12.0, 7.0]]), torch.tensor([[10.0, 7.0]]))
        tensor(3.4657)
    """

    alone = True

    kinds: tuple[Kind, ...] = ("regression",)

    def __init__(
        self,
        labels: LabelsLike = "regression",
        *,
        width: float = 10.0,
        curvature: float = 2.0,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.width = check_above("width", width, 0)
        self.curvature = check_above("curvature", curvature, 0)

    @override
    def values(self, pred: Tensor, target: Tensor, *context: Tensor) -> Tensor:
        return wing_loss(pred, target, self.width, self.curvature)

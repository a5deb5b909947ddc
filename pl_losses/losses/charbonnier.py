"""Charbonnier loss: an absolute error whose corner is rounded."""

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_above
from pl_losses.core.labels import LabelsLike
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.regression import RegressionLoss


def charbonnier_loss(pred: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    r"""Charbonnier loss of each element.

    .. math:: \ell = \sqrt{r^2 + \epsilon^2}, \qquad r = x - y

    in units of the target. Its least value is :math:`\epsilon`, not 0.

    Args:
        pred: Prediction, any shape.
        target: Target, same shape.
        epsilon: Radius :math:`\epsilon > 0` of the corner, in units of the target.

    Example:
        >>> import torch
        >>> charbonnier_loss(torch.tensor([0.0, 3.0]), torch.zeros(2), epsilon=4.0)
        tensor([4., 5.])

    References:
        Charbonnier et al., `Two Deterministic Half-Quadratic Regularization Algorithms
        <https://doi.org/10.1109/ICIP.1994.413553>`_, ICIP 1994; with this radius: Lai et al.,
        `Deep Laplacian Pyramid Networks <https://arxiv.org/abs/1704.03915>`_, CVPR 2017.
    """
    return ((pred - target).square() + epsilon**2).sqrt()


@LOSSES.register("charbonnier")
class CharbonnierLoss(RegressionLoss):
    r"""Charbonnier loss; the formula is :func:`charbonnier_loss`'s.

    Args:
        labels: What the target means; numbers, unless said otherwise.
        epsilon: Radius :math:`\epsilon > 0` of the corner, in units of the target.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If ``epsilon`` is not above 0.

    Example:
        >>> import torch
        >>> CharbonnierLoss()(torch.tensor([3.0]), torch.tensor([1.0])).round(decimals=3)
        tensor(2.)
    """

    alone = True

    def __init__(
        self,
        labels: LabelsLike = "regression",
        *,
        epsilon: float = 1e-3,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(labels, reduction=reduction)
        self.epsilon = check_above("epsilon", epsilon, 0)

    @override
    def values(self, pred: Tensor, target: Tensor, *context: Tensor) -> Tensor:
        return charbonnier_loss(pred, target, self.epsilon)

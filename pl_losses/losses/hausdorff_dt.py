"""Hausdorff loss by distance transforms: errors cost more, the farther they are from borders."""

from collections.abc import Sequence

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least
from pl_losses.core.distance import border_distance
from pl_losses.core.labels import LabelsLike
from pl_losses.core.likelihood import Likelihood
from pl_losses.core.powers import power
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.distance import Borders, DistanceLoss


def hausdorff_loss(probabilities: Tensor, truth: Tensor, cost: Tensor) -> Tensor:
    r"""Hausdorff loss of each place and class.

    .. math::
        \ell = (p - y)^2 \, (d_p^\alpha + d_y^\alpha)

    where :math:`d_p` and :math:`d_y` are the distances from the borders of the thresholded
    prediction and of the truth, on either side; they have no gradient.

    Args:
        probabilities: Probability :math:`p` of the class.
        truth: Label probability :math:`y`.
        cost: The bracket, in the same shape.

    Returns:
        Loss of each place, at least 0.

    Example:
        >>> import torch
        >>> pred, truth = torch.tensor([0.5, 1.0]), torch.tensor([1.0, 0.0])
        >>> hausdorff_loss(pred, truth, cost=torch.tensor([4.0, 2.0]))
        tensor([1., 2.])

    References:
        Karimi and Salcudean, `Reducing the Hausdorff Distance in Medical Image Segmentation with
        Convolutional Neural Networks <https://arxiv.org/abs/1904.10030>`_, IEEE TMI 2020, eq. 8.
    """
    error = probabilities - truth
    return error * error * cost


@LOSSES.register("hausdorff_dt")
class HausdorffDTLoss(DistanceLoss):
    r"""Hausdorff loss of logits by distance transforms; the formula is :func:`hausdorff_loss`'s.

    The distances of the prediction are computed at each step; those of the truth can be given. A
    map that is empty or full has no border, and adds nothing to the cost.

    Args:
        labels: What the target means: a kind, or ``Labels``. Of multiclass labels the mean over
            the classes is taken.
        alpha: Exponent :math:`\alpha \ge 0` of the distances; the paper chose 2.
        include_background: Whether class 0 of multiclass labels is looked at.
        spacing: Distance of neighbouring places along each spatial axis; 1 if not given.
        reduction: How the elements' losses become one number.

    Raises:
        ValueError: If an option does not go with the kind of labels, or is out of range.

    Example:
        >>> import torch
        >>> loss = HausdorffDTLoss("binary")
        >>> loss(torch.tensor([[-99.0, 99.0, 99.0]]), torch.tensor([[0, 1, 0]]))
        tensor(1.6667)
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        alpha: float = 2.0,
        include_background: bool = True,
        spacing: Sequence[float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(
            labels, include_background=include_background, spacing=spacing, reduction=reduction
        )
        self.alpha = check_at_least("alpha", alpha, 0)

    @override
    def field(self, borders: Borders) -> Tensor:
        of_pred = border_distance(borders.pred, self.spacing, borders.distance.dtype)
        return power(of_pred, self.alpha) + power(borders.distance, self.alpha)

    @override
    def values(self, likelihood: Likelihood, *context: Tensor) -> Tensor:
        pred, truth, cost = likelihood.probabilities, likelihood.truth, context[0]
        if self.labels.kind != "multiclass":
            return hausdorff_loss(pred, truth, cost)
        first = 0 if self.include_background else 1
        return hausdorff_loss(pred[:, first:], truth[:, first:], cost).mean(1)

"""Log-cosh Dice loss: Dice, smoothed where it is nearly right."""

from collections.abc import Sequence

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_at_least
from pl_losses.core.labels import LabelsLike
from pl_losses.core.overlap import Overlap
from pl_losses.core.reduction import Reduction
from pl_losses.losses.base import LOSSES
from pl_losses.losses.dice import dice_loss
from pl_losses.losses.region import Empty, OverlapLoss


def log_cosh_dice_loss(overlap: Overlap, smooth: float = 1e-5) -> Tensor:
    r"""Log-cosh of the Dice loss of each region.

    .. math::
        \ell = \log \cosh d

    where :math:`d` is :func:`~pl_losses.losses.dice.dice_loss`. Near 0 it is :math:`d^2/2`, so
    that the slope vanishes with the error; at its worst it is :math:`\log\cosh 1 \approx 0.434`.

    Args:
        overlap: Sums of each region.
        smooth: Smoothing of the Dice loss, in places, at least 0.

    Returns:
        Loss of each region, 0 to 0.434, shape ``(N, C)``.

    Example:
        >>> import torch
        >>> half = Overlap(*torch.tensor([[1.0], [2.0], [2.0], [8.0]]))
        >>> log_cosh_dice_loss(half, smooth=0.0)
        tensor([0.1201])

    References:
        Jadon, `A Survey of Loss Functions for Semantic Segmentation
        <https://arxiv.org/abs/2006.14822>`_, CIBCB 2020, eq. 32.
    """
    # log(cosh d) = log1p(2 sinh(d/2)**2): a small loss keeps its digits.
    half_sinh = torch.sinh(dice_loss(overlap, smooth) / 2)
    return torch.log1p(2 * half_sinh * half_sinh)


@LOSSES.register("log_cosh_dice")
class LogCoshDiceLoss(OverlapLoss):
    """Log-cosh Dice loss of logits; the formula is :func:`log_cosh_dice_loss`'s.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        smooth: Smoothing of the Dice loss, in places, at least 0.
        batch: Whether a region is one class in the whole batch, not in one sample.
        include_background: Whether class 0 of multiclass labels is a region.
        empty: What a region without truth is worth: ``"smooth"``, what the formula says;
            ``"skip"``, it does not count; ``"zero"``, it counts and costs nothing.
        region_weights: Weight of each class's regions in the mean; one each if not given.
        reduction: How the regions' losses become one number; ``"none"`` gives ``(N, C)``.

    Raises:
        ValueError: If an option is out of range.

    Example:
        >>> import torch
        >>> loss = LogCoshDiceLoss("binary", smooth=0.0)
        >>> loss(torch.tensor([[99.0, 99.0, -99.0]]), torch.tensor([[1, 0, 1]]))
        tensor(0.1201)
    """

    def __init__(
        self,
        labels: LabelsLike,
        *,
        smooth: float = 1e-5,
        batch: bool = False,
        include_background: bool = True,
        empty: Empty = "smooth",
        region_weights: Sequence[float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(
            labels,
            batch=batch,
            include_background=include_background,
            empty=empty,
            region_weights=region_weights,
            reduction=reduction,
        )
        self.smooth = check_at_least("smooth", smooth, 0)

    @override
    def values(self, region: Overlap) -> Tensor:
        return log_cosh_dice_loss(region, self.smooth)
